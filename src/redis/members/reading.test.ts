import { describe, expect, test } from 'vitest'
import { redisLab } from '../../../test/support/redis-lab.ts'
import { failureOf } from '../../../test/support/until.ts'
import type { PendingEntry, PendingFilter } from '../../core/group-members.ts'
import { COPY_FIELDS, groupKeys, inletKey } from '../keys.ts'
import { RedisGroupMembers } from './members.ts'
import { foreignGroup } from './members-lab.ts'

const lab = redisLab()
const members = new RedisGroupMembers(lab.admin)

async function allPending(filter: PendingFilter, limit: number) {
  const pages: PendingEntry[][] = []
  for (let after: string | undefined = ''; after !== undefined;) {
    const { entries, next } = await members.pending(lab.stream, 'group', filter, { after, limit })
    pages.push(entries)
    after = next
  }
  return { pages: pages.length, entries: pages.flat() }
}

describe('consumers', () => {
  test('of Millrace live by their heartbeats, others by their last command; what waits is none', async () => {
    const consumer = await lab.join({ consumer: 'b-live' })
    const entries = await lab.append(3)
    const [claim] = await lab.claimCount(consumer, 3)
    await consumer.settle([{ kind: 'retry', position: claim!.position, attempts: 1, delayMs: 60_000 }])
    const { heartbeats } = groupKeys(lab.stream, 'group')
    await lab.send('ZADD', heartbeats, '5', 'c-dead')
    await lab.send('XGROUP', 'CREATECONSUMER', lab.stream, 'group', 'a-theirs')
    const found = await members.consumers(lab.stream, 'group')
    expect(found).toMatchObject([
      { name: 'a-theirs', pending: 0, state: 'live' },
      { name: 'b-live', pending: 2, state: 'live', heartbeatMs: expect.any(Number) },
      { name: 'c-dead', pending: 0, state: 'dead' },
      { name: '~retry', pending: 1, state: 'retry' },
    ])
    expect(found[0]).not.toHaveProperty('heartbeatMs')
    expect(found[1]!.heartbeatMs).toBeLessThan(10_000)
    expect(found[2]!.heartbeatMs).toBeGreaterThan(1_000_000)
    const strict = await members.consumers(lab.stream, 'group', { minIdleMs: 0 })
    expect(strict.map(({ state }) => state)).toEqual(['dead', 'live', 'dead', 'retry'])
    expect(entries).toHaveLength(3)
  })

  test('count what they hold of copies as well, also where they hold nothing else', async () => {
    const consumer = await lab.join()
    await lab.send('XADD', inletKey(lab.stream, 'group'), '*', 'n', '1', COPY_FIELDS.position, '1-1', COPY_FIELDS.cause, 'replay') // prettier-ignore
    await lab.claimCount(consumer, 1)
    expect(await members.consumers(lab.stream, 'group')).toMatchObject([{ name: 'consumer-0', pending: 1 }])
  })

  test('of a group that Millrace never saw; nothing is written', async () => {
    await foreignGroup(lab.admin, lab.stream, 2)
    expect(await members.consumers(lab.stream, 'group')).toMatchObject([
      { name: 'theirs', pending: 2, state: 'live' },
    ])
    await members.pending(lab.stream, 'group')
    expect(await lab.keys()).toEqual([lab.stream])
  })
})

describe('what is pending', () => {
  test('comes in pages, in the order of numbers, and then copies; each once', async () => {
    const consumer = await lab.join()
    for (const id of ['9-1', '10-9', '10-10']) await lab.send('XADD', lab.stream, id, 'a', 'b')
    const inlet = inletKey(lab.stream, 'group')
    for (const id of ['2-1', '10-1'])
      await lab.send('XADD', inlet, id, 'n', '1', COPY_FIELDS.position, '9-1', COPY_FIELDS.cause, 'replay')
    const claims = await lab.claimCount(consumer, 5)
    const parked = claims.find(({ position }) => position === '10-9')!
    await consumer.settle([{ kind: 'retry', position: parked.position, attempts: 3, delayMs: 60_000 }])
    const { entries } = await allPending({}, 2)
    expect(entries.map(({ position }) => position)).toEqual([
      '9-1',
      '10-9',
      '10-10',
      'inlet/2-1',
      'inlet/10-1',
    ])
    expect(entries[1]).toMatchObject({ consumer: '~retry', deliveries: 3, dueAt: expect.any(Number) })
    expect(Math.abs(entries[1]!.dueAt! - Date.now() - 60_000)).toBeLessThan(10_000)
    expect(entries[0]).not.toHaveProperty('dueAt')
    expect((await allPending({ consumer: 'consumer-0' }, 1)).entries).toHaveLength(4)
    expect((await allPending({ consumer: '~retry' }, 1)).entries).toHaveLength(1)
  })

  test('by idle time looks at a bounded part with each page', async () => {
    await lab.send(
      'EVAL',
      `for n = 1, 2500 do redis.call('XADD', KEYS[1], n .. '-1', 'a', 'b') end`,
      '1',
      lab.stream,
    )
    await lab.send('XGROUP', 'CREATE', lab.stream, 'group', '0')
    await lab.send('XREADGROUP', 'GROUP', 'group', 'theirs', 'COUNT', '2500', 'STREAMS', lab.stream, '>')
    for (const id of ['1-1', '2-1', '1500-1', '2500-1'])
      await lab.send('XCLAIM', lab.stream, 'group', 'theirs', '0', id, 'IDLE', '3600000', 'JUSTID')
    const { entries, pages } = await allPending({ minIdleMs: 3_000_000 }, 10)
    expect(entries.map(({ position }) => position)).toEqual(['1-1', '2-1', '1500-1', '2500-1'])
    expect(pages).toBe(3)
    expect((await allPending({ minIdleMs: 3_000_000 }, 1)).entries).toHaveLength(4)
  })

  test('of nobody, of nothing, and pages that are none', async () => {
    await foreignGroup(lab.admin, lab.stream, 1)
    const call = (stream: string, group: string, filter = {}, page = {}) =>
      failureOf(members.pending(stream, group, filter, page))
    expect(await call(`${lab.stream}x`, 'group')).toMatchObject({ code: 'UNKNOWN_STREAM' })
    expect(await call(lab.stream, 'grop')).toMatchObject({ code: 'UNKNOWN_GROUP' })
    expect(await call(lab.stream, 'group', { consumer: 'nobody' })).toMatchObject({
      code: 'UNKNOWN_CONSUMER',
    })
    for (const page of [{ limit: 0 }, { limit: 1_001 }, { limit: NaN }, { after: 'x' }, { after: 'inlet/x' }])
      expect(await call(lab.stream, 'group', {}, page)).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    expect(await call(lab.stream, 'group', { minIdleMs: -1 })).toMatchObject({
      code: 'CONFIGURATION_INVALID',
    })
    expect(await failureOf(members.consumers(`${lab.stream}x`, 'g'))).toMatchObject({
      code: 'UNKNOWN_STREAM',
    })
    expect(await failureOf(members.consumers(lab.stream, 'grop'))).toMatchObject({ code: 'UNKNOWN_GROUP' })
    await lab.send('SET', `${lab.stream}:text`, 'text')
    expect(await failureOf(members.consumers(`${lab.stream}:text`, 'g'))).toMatchObject({
      code: 'UNKNOWN_STREAM',
    })
    expect(await call(`${lab.stream}:text`, 'g')).toMatchObject({ code: 'UNKNOWN_STREAM' })
    expect(await members.pending(lab.stream, 'group', {}, { after: 'inlet/0-0' })).toEqual({ entries: [] })
  })
})
