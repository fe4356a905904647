import { describe, expect, test } from 'vitest'
import { acknowledge, redisLab } from '../../../test/support/redis-lab.ts'
import { failureOf, until } from '../../../test/support/until.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import type { Claim, Outcome } from '../../core/stream-log.ts'
import { RETRY_CONSUMER } from '../keys.ts'
import { RedisStreamLog } from '../redis-log.ts'

const lab = redisLab()
const proxy = useProxy(lab.server)
const out = (name = 'out') => `{${lab.stream}}:${name}`
const pendingTo = async (consumer: string) =>
  (await lab.send<unknown[]>('XPENDING', lab.stream, 'group', '-', '+', '100', consumer)).length

const produce = ({ position }: Claim, stream: string, fields: readonly string[] = ['n', '1']): Outcome => ({
  kind: 'acknowledge',
  position,
  produce: [{ stream, fields }],
})

async function claimed(count: number) {
  const consumer = await lab.join()
  await lab.append(count)
  return { consumer, claims: await lab.claimCount(consumer, count) }
}

describe('what is written with an acknowledgement', () => {
  test('is refused as a whole while the memory is full, and so is the acknowledgement', async () => {
    const { consumer, claims } = await claimed(3)
    const [first, second, third] = claims as [Claim, Claim, Claim]
    const outcomes = [produce(first, out()), produce(second, out()), ...acknowledge([third])]
    await lab.send('CONFIG', 'SET', 'maxmemory', '1')
    const error = await failureOf(consumer.settle(outcomes))
    await lab.send('CONFIG', 'SET', 'maxmemory', '0')
    expect((error.cause as Error).message).toContain('OOM')
    // What needs no memory was acknowledged.
    expect(await pendingTo('consumer-0')).toBe(2)
    expect(await lab.send('EXISTS', out())).toBe(0)
    expect(await consumer.settle(outcomes.slice(0, 2))).toEqual([])
    expect(await lab.send('XLEN', out())).toBe(2)
  })

  test('to what is no stream is refused before anything is written, and holds up nothing else', async () => {
    const { consumer, claims } = await claimed(4)
    const [both, fine, plain, parked] = claims as [Claim, Claim, Claim, Claim]
    await lab.send('SET', out('text'), 'x')
    const error = await failureOf(
      consumer.settle([
        {
          kind: 'acknowledge',
          position: both.position,
          produce: [
            { stream: out(), fields: ['n', 'half'] },
            { stream: out('text'), fields: ['n', 'half'] },
          ],
        },
        produce(fine, out(), ['n', 'whole']),
        ...acknowledge([plain]),
        { kind: 'retry', position: parked.position, attempts: 1, delayMs: 60_000 },
      ]),
    )
    expect(error.message).toContain('WRONGTYPE')
    expect((await lab.log.read(out(), '0-0', 10)).map(({ fields }) => fields[1])).toEqual(['whole'])
    expect([await pendingTo('consumer-0'), await pendingTo(RETRY_CONSUMER)]).toEqual([1, 1])
  })

  test('to a stream that can take no more is refused before anything is written', async () => {
    const { consumer, claims } = await claimed(1)
    await lab.send('XADD', out('full'), '18446744073709551615-18446744073709551615', 'a', 'b')
    const { position } = claims[0]!
    const targets = [out(), out('full')].map((stream) => ({ stream, fields: ['n', '1'] }))
    const error = await failureOf(consumer.settle([{ kind: 'acknowledge', position, produce: targets }]))
    expect(error.message).toContain('can take no entry')
    expect(await lab.send('EXISTS', out())).toBe(0)
    expect(await pendingTo('consumer-0')).toBe(1)
  })

  test.each([
    ['a stream of another slot', () => 'elsewhere', ['n', '1'], 'must be in the slot'],
    ['no stream', () => '', ['n', '1'], 'must be the name of a stream'],
    ['no fields', out, [], 'names and values'],
    ['half a field', out, ['n'], 'names and values'],
    ['what is no text', out, ['n', 1 as never], 'names and values'],
    ['more fields than fit', out, Array.from({ length: 8_000 }, () => 'x'), 'at most 3000 fields'],
  ])('to %s is refused in words', async (_, stream, fields, message) => {
    const { consumer, claims } = await claimed(2)
    const error = await failureOf(
      consumer.settle([produce(claims[0]!, stream(), fields), produce(claims[1]!, out())]),
    )
    expect(error).toMatchObject({ code: 'EVENT_INVALID', message: expect.stringContaining(message) })
    expect([await pendingTo('consumer-0'), await lab.send('XLEN', out())]).toEqual([1, 1])
  })

  test('is not written before it is known that what stands before it was', async () => {
    const log = await RedisStreamLog.open({ url: proxy.url('redis') })
    const consumer = await log.join({ stream: lab.stream, group: 'group', consumer: 'proxied' })
    try {
      await lab.append(150)
      const claims = await lab.claimCount(consumer, 150)
      const outcomes = claims.map((claim) => produce(claim, out()))
      const dropped = proxy.dropNextReply((command) => command.includes(claims[0]!.position))
      expect((await failureOf(consumer.settle(outcomes))).code).toBe('REDIS_UNCERTAIN')
      await dropped
      expect(await lab.send('XLEN', out())).toBe(100)
      await until('the rest', () => consumer.settle(outcomes).catch(() => undefined))
      expect(await lab.send('XLEN', out())).toBe(150)
    } finally {
      await consumer.leave()
      await log.close()
    }
  })

  test('may be much: it is written in parts, each entry with its own', async () => {
    const { consumer, claims } = await claimed(300)
    const wide = ['x', 'y'.repeat(20_000), ...Array.from({ length: 100 }, () => 'z')]
    expect(await consumer.settle(claims.map((claim) => produce(claim, out(), wide)))).toEqual([])
    expect(await lab.send('XLEN', out())).toBe(300)
    expect(await pendingTo('consumer-0')).toBe(0)
  })
})

describe('identities', () => {
  test('are reserved and remembered while the memory is full', async () => {
    const { consumer, claims } = await claimed(2)
    const reservations = claims.map(({ position }) => ({ position, identity: 'same' }))
    await lab.send('CONFIG', 'SET', 'maxmemory', '1')
    try {
      expect(await consumer.reserve(reservations, 60_000)).toEqual(['run', 'wait'])
      await consumer.settle([{ kind: 'acknowledge', ...reservations[0]! }])
      expect(await consumer.reserve(reservations.slice(1), 60_000)).toEqual(['duplicate'])
    } finally {
      await lab.send('CONFIG', 'SET', 'maxmemory', '0')
    }
  })

  test('are kept for their time and no longer, whether done or not, and leave nothing', async () => {
    const { consumer, claims } = await claimed(2)
    const [first, second] = claims.map(({ position }, n) => ({ position, identity: `one ${n}` }))
    await consumer.reserve([first!, second!], 60_000)
    await consumer.settle([{ kind: 'acknowledge', ...first! }])
    const seen = (await lab.keys()).filter((key) => key.includes(':seen:'))
    expect(seen).toHaveLength(2)
    for (const key of seen) {
      const left = await lab.send<number>('PTTL', key)
      expect(left).toBeGreaterThan(30_000)
      expect(left).toBeLessThanOrEqual(60_000)
    }
  })

  test('of an entry that is gone from the group bind nobody', async () => {
    const { consumer, claims } = await claimed(2)
    const [first, second] = claims.map(({ position }) => ({ position, identity: 'same' }))
    expect(await consumer.reserve([first!, second!], 60_000)).toEqual(['run', 'wait'])
    await lab.send('XACK', lab.stream, 'group', first!.position)
    expect(await consumer.reserve([second!], 60_000)).toEqual(['run'])
  })
})
