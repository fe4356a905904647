import { describe, expect, it } from 'vitest'
import { useLab } from '../../test/support/use-lab.ts'
import { useRedisServer } from '../../test/support/use-redis.ts'
import { until } from '../../test/support/until.ts'

const lab = useLab(useRedisServer())

class Refused extends Error {
  override name = 'Refused'
}

describe('what a worker counts', () => {
  it('tells failures apart by their code or class', async () => {
    const worker = await lab.start(
      ({ event }) => {
        if (event.data === 0) throw new Refused()
        if (event.data === 1) throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' })
        throw 'a text'
      },
      { retry: { attempts: 1 } },
    )
    await lab.publish(4)
    await until('all to fail', () => worker.status.deadLettered === 4)
    const { stream, group, failed, failures } = worker.status
    expect({ stream, group, failed }).toEqual({ stream: lab.stream, group: 'group', failed: 4 })
    expect([...failures].toSorted()).toEqual([
      ['ECONNREFUSED', 1],
      ['Error', 2],
      ['Refused', 1],
    ])
  })

  it('keeps 50 kinds of failure at most, and their names short', async () => {
    const worker = await lab.start(
      ({ event }) => {
        throw Object.assign(new Error(), { code: `E${String(event.data)}`.padEnd(1000, '.') })
      },
      { retry: { attempts: 1 } },
    )
    await lab.publish(80)
    await until('all to fail', () => worker.status.failed === 80)
    const { failures } = worker.status
    expect(failures.size).toBe(51)
    expect(failures.get('other')).toBe(30)
    expect(Math.max(...[...failures.keys()].map(({ length }) => length))).toBe(100)
  })

  it('counts redeliveries: retries, and what a consumer left behind that died', async () => {
    const dead = await lab.log.join({
      stream: lab.stream,
      group: 'group',
      consumer: 'dead',
      deadAfterMs: 600,
    })
    await lab.publish(3)
    const signal = new AbortController().signal
    await until('the dead one to hold all', async () => (await dead.claim(3, 100, signal)).length > 0)
    const worker = await lab.start(({ attempt, event }) => {
      if (event.data === 0 && attempt < 4) throw new Error('not yet')
    })
    await until('all to be processed', () => worker.status.processed === 3)
    // Three were taken over, and one of them was run twice more.
    expect(worker.status).toMatchObject({ redeliveries: 5, failed: 2 })
  })
})
