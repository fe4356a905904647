import { describe, expect, it } from 'vitest'
import { until } from '../../test/support/until.ts'
import { useLab } from '../../test/support/use-lab.ts'
import { useRedisServer } from '../../test/support/use-redis.ts'
import type { Handler } from '../core/delivery.ts'
import { compose } from '../core/pipeline.ts'
import { metrics } from './metrics.ts'
import { TestDelivery } from './test-delivery.ts'

/** Notes what it is told. */
function notes() {
  const waited: number[] = []
  const ran: number[] = []
  const asked: string[] = []
  const times = {
    of(stream: string, group: string) {
      asked.push(`${stream} ${group}`)
      return { waited: (ms: number) => void waited.push(ms), ran: (ms: number) => void ran.push(ms) }
    },
  }
  return { waited, ran, asked, wrap: (handler: Handler) => metrics({ times })(handler) }
}

describe('the middleware that measures', () => {
  it('leaves what is synchronous so', () => {
    const { ran, wrap } = notes()
    expect(wrap(() => {})(new TestDelivery({}))).toBeUndefined()
    expect(ran).toHaveLength(1)
  })

  it.each<[string, Handler]>([
    [
      'at once',
      () => {
        throw new Error('no')
      },
    ],
    ['later', () => Promise.reject(new Error('no'))],
  ])('measures what fails %s, and lets it fail', async (_, handler) => {
    const { ran, wrap } = notes()
    await expect(async () => wrap(handler)(new TestDelivery({}))).rejects.toThrow('no')
    expect(ran).toHaveLength(1)
  })

  it('measures until the handler has ended', async () => {
    const { ran, wrap } = notes()
    let end = () => {}
    const running = wrap(() => new Promise((resolve) => (end = resolve)))(new TestDelivery({}))
    expect(ran).toEqual([])
    end()
    await running
    expect(ran).toHaveLength(1)
    expect(ran[0]).toBeGreaterThanOrEqual(0)
  })

  it('asks once for the timer of a group, and again for another one', () => {
    const { asked, wrap } = notes()
    const handler = wrap(() => {})
    for (const stream of ['a', 'a', 'b', 'b', 'a']) void handler(new TestDelivery({}, { stream }))
    expect(asked).toEqual(['a group', 'b group', 'a group'])
  })
})

describe('with a worker', () => {
  const lab = useLab(useRedisServer())

  it('measures every start, and the delay of each entry once', async () => {
    const { waited, ran, wrap } = notes()
    const middleware = compose(wrap)
    const [, last] = await lab.publish(2)
    const worker = await lab.start(
      middleware(({ attempt, event }) => {
        if (event.data === 0 && attempt === 1) throw new Error('not yet')
      }),
    )
    await until('both to be processed', () => worker.status.processed === 2)
    expect(ran).toHaveLength(3)
    expect(waited).toHaveLength(2)
    expect(Math.max(...waited)).toBeLessThanOrEqual(Date.now() - Number(last!.split('-')[0]) + 1_000)
  })
})
