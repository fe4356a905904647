import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import { useLog, useRedis } from '../../../test/support/use-redis.ts'
import type { MillraceError } from '../../core/errors.ts'
import type { Claim, Consumer, Membership, NewEntry, Outcome } from '../../core/stream-log.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { deadLetterKey, groupKeys, RETRY_CONSUMER } from '../keys.ts'
import { RedisStreamLog } from '../redis-log.ts'

const DEAD_AFTER_MS = 400
const GROUP = 'group'
const forEver = new AbortController().signal

const { server, admin } = useRedis()
const writer = useLog(server)
const proxy = useProxy(server)
let logs: RedisStreamLog[]
let beats: NodeJS.Timeout[]
let consumers: Consumer[]
let stream: string
let streams = 0

beforeEach(() => {
  logs = []
  beats = []
  consumers = []
  stream = `consumer:${streams++}`
})
afterEach(async () => {
  vi.useRealTimers()
  for (const beat of beats) clearInterval(beat)
  await Promise.all(consumers.map((consumer) => consumer.leave().catch(() => {})))
  await Promise.all(logs.map((log) => log.close()))
})

/** A consumer on connections of its own. */
async function join(options: Partial<Membership> & { through?: string } = {}): Promise<Consumer> {
  const { through = server.url, ...membership } = options
  const log = await RedisStreamLog.open({ url: through, commandTimeoutMs: 1_000, connectTimeoutMs: 2_000 })
  logs.push(log)
  const consumer = await log.join({
    stream,
    group: GROUP,
    consumer: `consumer-${consumers.length}`,
    deadAfterMs: DEAD_AFTER_MS,
    ...membership,
  })
  consumers.push(consumer)
  return consumer
}

const keepAlive = (consumer: Consumer) =>
  void beats.push(setInterval(() => void consumer.heartbeat().catch(() => {}), DEAD_AFTER_MS / 5))

async function append(count: number): Promise<string[]> {
  const entries: NewEntry[] = Array.from({ length: count }, (_, number) => ({
    fields: ['number', String(number)],
  }))
  return (await writer.append(stream, entries)) as string[]
}

const claim = (consumer: Consumer, limit = 100, waitMs = 50) => consumer.claim(limit, waitMs, forEver)

async function claimCount(consumer: Consumer, count: number): Promise<Claim[]> {
  const claims: Claim[] = []
  await until(`${count} claims`, async () => {
    if (claims.length < count) claims.push(...(await claim(consumer, count - claims.length)))
    return claims.length >= count
  })
  return claims
}

const positions = (claims: readonly { position: string }[]) => claims.map(({ position }) => position)
const acknowledge = (claims: readonly { position: string }[]): Outcome[] =>
  claims.map(({ position }) => ({ kind: 'acknowledge', position }))
const retry = (claims: readonly Claim[], delayMs: number): Outcome[] =>
  claims.map(({ position, attempt }) => ({ kind: 'retry', position, attempts: attempt, delayMs }))

const pendingTo = async (consumer: string): Promise<number> =>
  (await admin.send<unknown[]>(['XPENDING', stream, GROUP, '-', '+', '1000', consumer])).length
const consumerNames = async (): Promise<string[]> => {
  const rows = await admin.send<string[][]>(['XINFO', 'CONSUMERS', stream, GROUP])
  return rows.map((row) => row[1]!)
}
const heartbeats = () => admin.send<string[]>(['ZRANGE', groupKeys(stream, GROUP).heartbeats, '0', '-1'])

const someoneBlocks = () =>
  until('a blocked read', async () =>
    /flags=b .*cmd=xreadgroup/.test(await admin.send<string>(['CLIENT', 'LIST'])),
  )

describe('a connection that breaks', () => {
  test('half-open, is noticed within the wait and two seconds, and reading goes on', async () => {
    const consumer = await join({ through: proxy.url('redis') })
    keepAlive(await join({ consumer: 'witness' }))
    await claim(consumer)
    const claiming = claim(consumer, 10, 1_000)
    await someoneBlocks()
    proxy.swallow('both')
    const start = performance.now()
    expect((await failureOf(claiming)).code).toBe('REDIS_UNCERTAIN')
    expect(performance.now() - start).toBeLessThan(10_000)
    proxy.pass()
    const [position] = await append(1)
    const claims: Claim[] = []
    await until('the entry', async () => claims.push(...(await claim(consumer))))
    expect(positions(claims)).toEqual([position])
  })

  test('with the reply of a read on its way strands nothing', async () => {
    const consumer = await join({ through: proxy.url('redis') })
    await claim(consumer)
    const dropped = proxy.dropNextReply((command) => command.includes('XREADGROUP'))
    const claiming = failureOf(claim(consumer, 10, 1_000))
    const entries = await append(5)
    await dropped
    expect((await claiming).code).toBe('REDIS_UNCERTAIN')
    expect(await pendingTo('consumer-0')).toBe(5)
    const claims = await until('the entries', async () => {
      const adopted = await claim(consumer)
      return adopted.length > 0 ? adopted : undefined
    })
    expect(positions(claims)).toEqual(entries)
    expect(await consumer.settle(acknowledge(claims))).toEqual([])
    expect(await pendingTo('consumer-0')).toBe(0)
  })

  test('with the reply of a poll on its way strands nothing, and charges nothing', async () => {
    const consumer = await join({ through: proxy.url('redis') })
    const entries = await append(3)
    await consumer.settle(retry(await claimCount(consumer, 3), 0))
    const dropped = proxy.dropNextReply((command) => command.includes('EVALSHA'))
    await failureOf(claim(consumer))
    await dropped
    // Parked no more, and not gone either: whoever asks lets others of their keys wait.
    await until('the answer', () => consumer.waiting(entries).catch(() => undefined))
    expect(await consumer.waiting(entries)).toEqual(entries)
    const claims: Claim[] = []
    await until('the entries', async () => {
      await consumer.heartbeat().catch(() => {})
      claims.push(...(await claim(consumer)))
      return claims.length >= 3
    })
    expect(positions(claims)).toEqual(entries)
    expect(claims.map(({ attempt }) => attempt)).toEqual([2, 2, 2])
    await claim(consumer)
    expect(await consumer.waiting(entries)).toEqual([])
  })

  test('and was replaced, can still be woken from its wait', async () => {
    const consumer = await join({ through: proxy.url('redis') })
    proxy.swallow('both')
    await failureOf(claim(consumer, 10, 1_000))
    proxy.pass()
    await until('the connection', () => claim(consumer).then(() => true))
    const stop = new AbortController()
    const reading = (async () => {
      while (!stop.signal.aborted) await consumer.claim(10, 1_000, stop.signal)
    })()
    await admin.send(['CONFIG', 'RESETSTAT'])
    await someoneBlocks()
    stop.abort()
    await reading
    // Had the read ended by its own BLOCK, nobody would have been woken.
    const stats = () => admin.send<string>(['INFO', 'commandstats'])
    await expect.poll(stats).toContain('client|unblock')
  })

  test('does not hide what was lost meanwhile: the next heartbeat tells', async () => {
    const consumer = await join({ through: proxy.url('redis') })
    const entries = await append(2)
    await claimCount(consumer, 2)
    const heir = await join()
    keepAlive(heir)
    await claimCount(heir, 2)
    const claiming = claim(consumer, 10, 1_000).catch(() => [])
    await someoneBlocks()
    proxy.cut()
    expect(await claiming).toEqual([])
    await until('the connection', async () => (await claim(consumer)).length === 0)
    expect((await consumer.heartbeat()).sort()).toEqual(entries)
    expect(await consumer.heartbeat()).toEqual([])
  })
})

describe('an outage', () => {
  test('for longer than a consumer may be silent robs nobody who comes back a little later', async () => {
    const other = await startFaultProxy({ port: server.port })
    const proxies = [proxy, other]
    await append(2)
    const [early, late] = [
      await join({ through: proxy.url('redis') }),
      await join({ through: other.url('redis') }),
    ]
    const claims = [await claimCount(early, 1), await claimCount(late, 1)]
    for (const consumer of [early, late]) keepAlive(consumer)
    for (const one of proxies) {
      one.swallow('both')
      one.cut()
    }
    await sleep(3 * DEAD_AFTER_MS) // time that passes is what this is about
    const taken: Claim[] = []
    for (const [index, consumer] of [early, late].entries()) {
      proxies[index]!.pass()
      await until('the connection', async () => {
        taken.push(...(await claim(consumer)))
        return true
      })
    }
    expect(taken).toEqual([])
    expect(await early.settle(acknowledge(claims[0]!))).toEqual([])
    expect(await late.settle(acknowledge(claims[1]!))).toEqual([])
    await other.stop()
  })

  test('of memory stops neither claims nor heartbeats nor acknowledgements', async () => {
    const consumer = await join()
    const entries = await append(4)
    const [kept] = await claimCount(consumer, 1)
    await admin.send(['CONFIG', 'SET', 'maxmemory', '1'])
    try {
      const claims = await claimCount(consumer, 3)
      expect(positions([kept!, ...claims])).toEqual(entries)
      expect(await consumer.heartbeat()).toEqual([])
      const [first, second, third] = claims as [Claim, Claim, Claim]
      expect(await consumer.settle([...acknowledge([first]), ...retry([second], 0)])).toEqual([])
      expect(positions(await claimCount(consumer, 1))).toEqual([second.position])
      expect(await consumer.begin([{ ...second, attempt: 2, origin: 'retry' }])).toEqual([])
      const letter = { error: 'E', reason: 'r' }
      const bury: Outcome = { kind: 'dead-letter', position: third.position, attempts: 1, letter }
      expect(((await failureOf(consumer.settle([bury]))).cause as Error).message).toContain('OOM')
      await consumer.leave()
      expect(await pendingTo(RETRY_CONSUMER)).toBe(3)
    } finally {
      await admin.send(['CONFIG', 'SET', 'maxmemory', '0'])
    }
  })
})

describe('what others left behind', () => {
  test('does not stop the healing of a stream that was deleted', async () => {
    const dead = await join()
    await append(3)
    await claimCount(dead, 3)
    const consumer = await join()
    keepAlive(consumer)
    await until('the silence', async () => (await claim(consumer, 1)).length > 0)
    await admin.send(['DEL', stream])
    const [position] = await append(1)
    const claims: Claim[] = []
    await until('the new entry', async () => {
      claims.push(...(await claim(consumer).catch(() => [])))
      return positions(claims).includes(position!)
    })
    expect(claims.length).toBe(1)
  })

  test('is tidied up: consumers that are silent, also those that never read', async () => {
    await append(1)
    for (let round = 0; round < 5; round++) {
      const silent = await join({ consumer: `silent-${round}` })
      if (round % 2 === 0) await claim(silent, 1, 1)
    }
    const consumer = await join({ consumer: 'alive' })
    keepAlive(consumer)
    const claims: Claim[] = []
    await until('the tidying', async () => {
      claims.push(...(await claim(consumer)))
      return (await heartbeats()).join('') === 'alive'
    })
    expect(claims).toHaveLength(1)
    expect(await consumerNames()).toEqual(['alive'])
    for (const log of logs.splice(1, 5)) await log.close()
  })

  test('gets its turn also while a mass of retries is due', async () => {
    const dead = await join()
    const abandoned = await append(1)
    await claimCount(dead, 1)
    const consumer = await join()
    keepAlive(consumer)
    await append(20)
    await consumer.settle(retry(await claimCount(consumer, 20), 0))
    await until('its turn', async () => {
      const claims = await claim(consumer, 10)
      await consumer.settle(
        retry(
          claims.filter(({ origin }) => origin === 'retry'),
          0,
        ),
      )
      return claims.some(({ position }) => position === abandoned[0])
    })
    expect(await pendingTo('consumer-0')).toBe(0)
  })

  test('includes what waits for its retry and has lost the time of it', async () => {
    const consumer = await join()
    const entries = await append(3)
    await consumer.settle(retry(await claimCount(consumer, 3), 60_000))
    await admin.send(['DEL', groupKeys(stream, GROUP).retry])
    const claims = await claimCount(await join(), 3)
    expect(positions(claims)).toEqual(entries)
    expect(claims.map(({ attempt, origin }) => [attempt, origin])).toEqual(entries.map(() => [2, 'retry']))
  })

  test('is not what waits for its retry, however long', async () => {
    const consumer = await join({ minIdleMs: 50 })
    await append(1)
    await consumer.settle(retry(await claimCount(consumer, 1), 60_000))
    keepAlive(consumer)
    const other = await join({ minIdleMs: 50 })
    keepAlive(other)
    for (const end = performance.now() + 3 * DEAD_AFTER_MS; performance.now() < end;) {
      expect(await claim(other)).toEqual([])
    }
    expect(await pendingTo(RETRY_CONSUMER)).toBe(1)
  })

  test('of other software is looked for as often as we were told', async () => {
    const consumer = await join({ minIdleMs: 10, claimIntervalMs: 50 })
    keepAlive(consumer)
    // This look finds nothing, so the next one is a whole interval away.
    expect(await claim(consumer)).toEqual([])
    const entries = await append(1)
    await admin.send(['XREADGROUP', 'GROUP', GROUP, 'stranger', 'STREAMS', stream, '>'])
    const claims = await claimCount(consumer, 1)
    expect(claims.map(({ position, origin }) => [position, origin])).toEqual([[entries[0], 'abandoned']])
  })
})

describe('the low-water mark', () => {
  test.each([
    ['1700000000000-0', '1700000000001-0'],
    ['1700000000000000000-0', '1700000000000009000-0'], // other software counts in nanoseconds
    ['18446744073709551615-0', '18446744073709551615-18446744073709551615'],
    ['0-1', '0-2'],
  ])('never lies above what is pending: %s', async (first, second) => {
    const consumer = await join()
    for (const id of [first, second]) await admin.send(['XADD', stream, id, 'a', 'b'])
    const claims = await claimCount(consumer, 2)
    await consumer.settle(acknowledge(claims.slice(1)))
    await consumer.heartbeat()
    await admin.send(['XGROUP', 'DESTROY', stream, GROUP])
    const again = await claimCount(await join(), 1)
    expect(again[0]?.position).toBe(first)
  })
})

describe('dead letters that can not be written', () => {
  test('hold up nothing else of the same call', async () => {
    const consumer = await join()
    await append(3)
    const [first, second, third] = (await claimCount(consumer, 3)) as [Claim, Claim, Claim]
    await admin.send(['SET', deadLetterKey(stream), 'text'])
    const letter = { error: 'E', reason: 'r' }
    const error = (await failureOf(
      consumer.settle([
        { kind: 'dead-letter', position: first.position, attempts: 1, letter },
        ...acknowledge([second]),
        ...retry([third], 60_000),
      ]),
    )) as MillraceError
    expect(error.message).toContain('WRONGTYPE')
    expect(await pendingTo('consumer-0')).toBe(1)
    expect(await pendingTo(RETRY_CONSUMER)).toBe(1)
  })
})

describe('a crowd of consumers that died', () => {
  test('is tidied up by and by, each call a bounded part of it, and nothing that they held is lost', async () => {
    const crowd = 2_000
    await append(crowd / 10)
    await admin.send(['XGROUP', 'CREATE', stream, GROUP, '0'])
    const sends: Promise<unknown>[] = []
    for (let n = 0; n < crowd; n++) {
      const read = ['XREADGROUP', 'GROUP', GROUP, `dead-${n}`, 'COUNT', '1', 'STREAMS', stream, '>']
      sends.push(admin.send(n % 10 === 0 ? read : ['XGROUP', 'CREATECONSUMER', stream, GROUP, `dead-${n}`]))
      sends.push(admin.send(['ZADD', groupKeys(stream, GROUP).heartbeats, '1', `dead-${n}`]))
    }
    await Promise.all(sends)
    const consumer = await join({ consumer: 'alive' })
    keepAlive(consumer)
    const claimed = new Set<string>()
    let largestStep = 0
    let before = crowd + 1
    await until('the tidying', async () => {
      for (const { position } of await claim(consumer)) claimed.add(position)
      const left = (await heartbeats()).length
      largestStep = Math.max(largestStep, before - left)
      before = left
      return left === 1
    })
    expect(claimed.size).toBe(crowd / 10)
    expect(largestStep).toBeLessThanOrEqual(100)
    expect(await consumerNames()).toEqual(['alive'])
  })
})

describe('a consumer', () => {
  test('that has left is handed nothing any more', async () => {
    const consumer = await join()
    await append(1)
    await consumer.leave()
    expect((await failureOf(claim(consumer))).code).toBe('CLOSED')
    expect(await consumerNames()).toEqual([])
  })

  test('is not told that it lost what it was handed again', async () => {
    const consumer = await join()
    const entries = await append(2)
    await claimCount(consumer, 2)
    await admin.send(['XGROUP', 'DESTROY', stream, GROUP])
    const again = await claimCount(consumer, 1)
    expect(positions(again)).toEqual(entries.slice(0, 1))
    expect(await consumer.heartbeat()).toEqual(entries.slice(1))
    expect(await consumer.settle(acknowledge(again))).toEqual([])
    expect(await consumer.heartbeat()).toEqual([])
  })

  test('is told once what it lost', async () => {
    const consumer = await join()
    const entries = await append(2)
    const claims = await claimCount(consumer, 2)
    await admin.send(['XGROUP', 'DESTROY', stream, GROUP])
    await claimCount(consumer, 1)
    expect(await consumer.settle(acknowledge(claims.slice(1)))).toEqual(entries.slice(1))
    expect(await consumer.heartbeat()).toEqual([])
  })

  test('notices a pause within a second, also after a claim full of retries', async () => {
    const consumer = await join({ deadAfterMs: 60_000 })
    await append(1)
    await consumer.settle(retry(await claimCount(consumer, 1), 0))
    await append(1)
    expect(await claim(consumer, 1)).toMatchObject([{ origin: 'retry' }])
    await admin.send(['HSET', groupKeys(stream, GROUP).state, 'paused', '1'])
    vi.useFakeTimers({ now: Date.now() + 1_000, toFake: ['Date'] })
    expect(await claim(consumer, 1, 0)).toEqual([])
  })

  test('takes nothing over in a pause either, though it would be the turn of what was abandoned', async () => {
    const dead = await join({ consumer: 'dead', deadAfterMs: 60_000 })
    const consumer = await join({ deadAfterMs: 60_000 })
    await append(2)
    await dead.settle(retry((await claimCount(dead, 2)).slice(1), 0))
    await admin.send(['ZADD', groupKeys(stream, GROUP).heartbeats, '1', 'dead'])
    expect(await claim(consumer)).toMatchObject([{ origin: 'retry' }])
    await admin.send(['HSET', groupKeys(stream, GROUP).state, 'paused', '1'])
    vi.useFakeTimers({ now: Date.now() + 1_000, toFake: ['Date'] })
    expect(await claim(consumer, 10, 0)).toEqual([])
    await admin.send(['HDEL', groupKeys(stream, GROUP).state, 'paused'])
    vi.setSystemTime(Date.now() + 1_000)
    expect(await claim(consumer, 10, 0)).toMatchObject([{ origin: 'abandoned' }])
  })

  test('that healed the group was not cut off: it says at once who is dead', async () => {
    const consumer = await join({ deadAfterMs: 60_000 })
    await admin.send(['XGROUP', 'DESTROY', stream, GROUP])
    expect(await claim(consumer)).toEqual([])
    const dead = await join({ consumer: 'dead', deadAfterMs: 60_000 })
    await append(1)
    await claimCount(dead, 1)
    await admin.send(['ZADD', groupKeys(stream, GROUP).heartbeats, '1', 'dead'])
    vi.useFakeTimers({ now: Date.now() + 120_000, toFake: ['Date'] })
    expect(await claim(consumer, 10, 0)).toMatchObject([{ origin: 'abandoned' }])
  })
})
