import { setTimeout as sleep } from 'node:timers/promises'
import { stream } from 'millrace'
import { z } from 'zod'
import { command } from './command.ts'

/*
 * npm run load-test -- 1000 50: publishes so many events, one every so many ms; without a delay as fast as the answers come,
 * with 50 on their way. They stay in the stream load:test. More than this does: npx millrace load stream --help
 */

const AT_ONCE = 50
const load = stream('load:test', { 'load.sent': z.object({ n: z.number() }) })

await command({ count: 10_000, delayMs: 0 }, async ({ bus, count, delayMs, signal }) => {
  const times: number[] = []
  let failed = 0
  let next = 0
  const start = performance.now()

  /** Timed from when it was to begin: an event that waits behind a slow one is late as well. */
  async function publish(n: number, due: number): Promise<void> {
    try {
      await bus.publish(load, 'load.sent', { n })
      times.push(performance.now() - due)
    } catch (error) {
      if (failed++ === 0) console.error((error as Error).message)
    }
  }

  async function byAnswers(): Promise<void> {
    while (next < count && !signal.aborted) await publish(next++, performance.now())
  }

  async function bySchedule(): Promise<void> {
    const sent: Promise<void>[] = []
    while (next < count && !signal.aborted) {
      const due = start + next * delayMs
      await sleep(Math.max(0, due - performance.now()), undefined, { signal }).catch(() => {})
      if (!signal.aborted) sent.push(publish(next++, due))
    }
    await Promise.all(sent)
  }

  await (delayMs > 0 ? bySchedule() : Promise.all(Array.from({ length: AT_ONCE }, byAnswers)))
  report(times, failed, (performance.now() - start) / 1_000)
})

function report(times: number[], failed: number, seconds: number): void {
  times.sort((a, b) => a - b)
  const at = (share: number) => (times[Math.ceil(times.length * share) - 1] ?? NaN).toFixed(2)
  console.log(`published ${times.length} events in ${seconds.toFixed(2)} s, ${failed} failed`)
  console.log(`${Math.round(times.length / seconds)} events/s`)
  console.log(`p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`)
  if (failed > 0) process.exitCode = 1
}
