import { median } from '../race.ts'
import type { Measured, OpenEnds, Task } from './end.ts'

/* The process of one way: both ends of it. Answers one measurement for each task, and ends with its parent. */

/** More than are ever used: the way by hand has no bound either. */
const TERMINALS = 1_000

const [way, url] = process.argv.slice(2)
const { default: open } = (await import(`./${way}.ts`)) as { default: OpenEnds }

process.on('message', async ({ stream, inFlight, count }: Task) => {
  const ends = await open(url!, stream, TERMINALS)
  const times: number[] = []
  let left = count
  const ask = async () => {
    while (left-- > 0) {
      const began = performance.now()
      const reply = await ends.request('New York')
      times.push(performance.now() - began)
      if (reply !== 'New York') throw new Error(`the reply is ${reply}`)
    }
  }
  await ends.request('the first one opens what is needed')
  const began = performance.now()
  await Promise.all(Array.from({ length: inFlight }, ask))
  const perSecond = (count * 1_000) / (performance.now() - began)
  await ends.close()
  process.send!({ perSecond, p50: median(times) } satisfies Measured)
})
process.on('disconnect', () => process.exit())
process.send!('ready')
