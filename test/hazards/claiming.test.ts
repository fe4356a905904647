import { describe, expect, test } from 'vitest'
import { groupKeys, RETRY_CONSUMER } from '../../src/redis/keys.ts'
import { hazardLab, Tally } from '../support/hazard-lab.ts'
import { until } from '../support/until.ts'
import { GROUP } from '../support/worker-lab.ts'

const hazard = hazardLab()
const { send, pending } = hazard
const allSettled = () => until('the settlement', async () => (await pending()) === 0, 30_000)

/** No command may hold up others for long: far above what ours take, and below what one that looks at everything does. */
const SLOW_MS = 60
/** A busy machine halts Redis now and then, in whatever it does; what looks at everything does so with every call. */
const MANY = 5
const watchSlowCommands = async () => {
  await send('CONFIG', 'SET', 'slowlog-log-slower-than', String(SLOW_MS * 1_000))
  await send('SLOWLOG', 'RESET')
}
const slowCommands = async () => {
  const rows = await send<[number, number, number, string[]][]>('SLOWLOG', 'GET', '10')
  return rows.map(([, , micros, args]) => [micros / 1_000, args.slice(0, 5).join(' ')])
}

describe('a handler that takes three times the minimum idle time', () => {
  test('keeps its entry and those that wait behind it, from ours and from other software', async () => {
    const minIdleMs = 800
    const tally = new Tally()
    const handler = async (delivery: Parameters<Tally['count']>[0]) => {
      tally.count(delivery)
      await new Promise((resolve) => setTimeout(resolve, 3 * minIdleMs))
    }
    // Dead only after long: what keeps other software away is the idle time alone.
    const options = { minIdleMs, deadAfterMs: 30_000, concurrency: 1 }
    await hazard.lab.start(handler, options)
    await (await hazard.open()).start(handler, options)
    const positions = await hazard.lab.publish(4)
    await until('all in hand', async () => (await pending()) === 4)
    const claim = ['XAUTOCLAIM', hazard.lab.stream, GROUP, 'stranger', String(minIdleMs), '0', 'JUSTID']
    await until('the end', async () => {
      await send(...claim)
      return (await pending()) === 0 || (await pending('stranger')) > 0
    })
    expect(await pending('stranger')).toBe(0)
    expect([...tally.attempts.values()]).toEqual(positions.map(() => [1]))
  })
})

describe('one consumer name twice', () => {
  test('does not come about: a name holds the host, the process and chance', async () => {
    await hazard.lab.start(() => {})
    await hazard.lab.start(() => {})
    const child = hazard.child({ mode: 'quick' })
    await until('the child', () => child.lines.length > 0)
    const names = await send<string[]>('ZRANGE', groupKeys(hazard.lab.stream, GROUP).heartbeats, '0', '-1')
    expect(new Set(names).size).toBe(3)
    expect(names.filter((name) => name.includes(`-${process.pid}-`))).toHaveLength(2)
  })

  test('told by hand loses nothing', async () => {
    const tally = new Tally()
    for (const lab of [hazard.lab, await hazard.open()])
      await lab.start(tally.count, { consumer: 'twin', concurrency: 20 })
    const positions = await hazard.lab.publish(2_000)
    await until('all', () => tally.has(positions))
    expect(await allSettled()).toBe(true)
  })
})

describe('other software', () => {
  test('that left 25 fresh entries before 5 old ones loses the old ones, and them alone', async () => {
    const positions = await hazard.lab.publish(30)
    const { stream } = hazard.lab
    await send('XGROUP', 'CREATE', stream, GROUP, '0')
    await send('XREADGROUP', 'GROUP', GROUP, 'stranger', 'STREAMS', stream, '>')
    const old = positions.slice(25)
    await send('XCLAIM', stream, GROUP, 'stranger', '0', ...old, 'IDLE', '300000', 'JUSTID')
    const tally = new Tally()
    await hazard.lab.start(tally.count, { minIdleMs: 120_000 })
    await until('the old ones', () => tally.has(old))
    await until('the acknowledgement', async () => (await pending()) === 25)
    expect(new Set(tally.attempts.keys())).toEqual(new Set(old))
    expect(await pending('stranger')).toBe(25)
  })
})

describe('100,000 entries', () => {
  const MANY = 100_000

  /** Pending to a consumer, as if it had read them. */
  async function fillFor(consumer: string): Promise<string[]> {
    const { stream } = hazard.lab
    const script = `
      for n = 1, ARGV[2] do redis.call('XADD', KEYS[1], ARGV[3] .. '-' .. n, 'type', 'n', 'data', n) end
      redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[4], 'COUNT', ARGV[2], 'STREAMS', KEYS[1], '>')`
    await send('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
    const positions: string[] = []
    for (let page = 1; page <= 50; page++) {
      await send('EVAL', script, '1', stream, GROUP, String(MANY / 50), String(page), consumer)
      for (let n = 1; n <= MANY / 50; n++) positions.push(`${page}-${n}`)
    }
    return positions
  }

  test('that wait for their retry are left alone, and make no command slow', async () => {
    const { stream } = hazard.lab
    const positions = await fillFor(RETRY_CONSUMER)
    const { retry } = groupKeys(stream, GROUP)
    const due = String(Date.now() + 3_600_000)
    for (let from = 0; from < MANY; from += 1_000) {
      await send('ZADD', retry, ...positions.slice(from, from + 1_000).flatMap((id) => [due, id]))
    }
    await watchSlowCommands()
    const tally = new Tally()
    const handler = (delivery: Parameters<Tally['count']>[0]) => {
      tally.count(delivery)
      if (delivery.attempt === 1) throw new Error('once')
    }
    const worker = await hazard.lab.start(handler, { minIdleMs: 500, concurrency: 50 })
    await hazard.lab.publish(1_000)
    await until('the new ones', () => worker.status.processed === 1_000)
    await until('a look at all others', async () => (await send('ZCARD', retry)) === MANY)
    await worker.stop(1_000)
    expect(tally.attempts.size).toBe(1_000)
    expect((await slowCommands()).length).toBeLessThan(MANY)
    expect(await pending()).toBe(MANY)
  })

  test('that a dead consumer held are all taken over, and make no command slow', async () => {
    const positions = await fillFor('dead')
    await send('ZADD', groupKeys(hazard.lab.stream, GROUP).heartbeats, '1', 'dead')
    await watchSlowCommands()
    const tally = new Tally()
    const worker = await hazard.lab.start(tally.count, { concurrency: 100 })
    await until('all', () => tally.attempts.size === MANY, 60_000)
    expect(tally.has(positions)).toBe(true)
    await allSettled()
    await worker.stop(1_000)
    expect((await slowCommands()).length).toBeLessThan(MANY)
  })
})

describe('10,000 workers that died soon', () => {
  test('are removed by and by, what they held is run, and no command is slow', async () => {
    const { stream } = hazard.lab
    const positions = await hazard.lab.publish(1_000)
    await send('XGROUP', 'CREATE', stream, GROUP, '0')
    const { heartbeats } = groupKeys(stream, GROUP)
    for (let page = 0; page < 10; page++) {
      const commands: Promise<unknown>[] = []
      for (let n = page * 1_000; n < (page + 1) * 1_000; n++) {
        const read = ['XREADGROUP', 'GROUP', GROUP, `dead-${n}`, 'COUNT', '1', 'STREAMS', stream, '>']
        commands.push(
          n % 10 === 0 ? send(...read) : send('XGROUP', 'CREATECONSUMER', stream, GROUP, `dead-${n}`),
        )
        commands.push(send('ZADD', heartbeats, '1', `dead-${n}`))
      }
      await Promise.all(commands)
    }
    await watchSlowCommands()
    const tally = new Tally()
    await hazard.lab.start(tally.count)
    await until('all', () => tally.has(positions))
    await until('the tidying', async () => (await send('ZCARD', heartbeats)) === 1, 30_000)
    expect((await slowCommands()).length).toBeLessThan(MANY)
    const consumers = await send<unknown[]>('XINFO', 'CONSUMERS', stream, GROUP)
    expect(consumers.length).toBeLessThanOrEqual(2)
    expect([...tally.attempts.values()]).toEqual(positions.map(() => [2]))
  })
})
