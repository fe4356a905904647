import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { acknowledge, positions, redisLab } from '../../../test/support/redis-lab.ts'
import { failureOf, until } from '../../../test/support/until.ts'
import type { PendingOptions, PendingSelection } from '../../core/group-members.ts'
import { COPY_FIELDS, deadLetterKey, groupKeys, inletKey } from '../keys.ts'
import { actionsKey, RedisActionRecords } from '../operations/action-record.ts'
import { RedisGroupMembers } from './members.ts'
import { ada, bob, foreignGroup, pendingOf } from './members-lab.ts'

const lab = redisLab()
const members = new RedisGroupMembers(lab.admin)
const records = async () => (await new RedisActionRecords(lab.admin).actions(lab.stream)).records
const pending = () => pendingOf(lab.admin, lab.stream)
const group = () => foreignGroup(lab.admin, lab.stream, 5)
/** Whoever did something a moment ago is no longer alive. */
const soon: PendingOptions = { ...ada, minIdleMs: 0 }
const claim = (selection: PendingSelection, to: string, options: PendingOptions = soon) =>
  members.claim(lab.stream, 'group', selection, to, options)
const release = (selection: PendingSelection, options: PendingOptions = ada) =>
  members.release(lab.stream, 'group', selection, options)
const acknowledgeAll = (selection: PendingSelection, options: PendingOptions = soon) =>
  members.acknowledge(lab.stream, 'group', selection, options)
const parked = (entries: readonly { position: string }[], delayMs = 60_000) =>
  entries.map(({ position }) => ({ kind: 'retry', position, attempts: 4, delayMs }) as const)
/** Copies for the group alone, as a redrive writes them. */
const copies = async (count: number) => {
  const inlet = inletKey(lab.stream, 'group')
  const ids: string[] = []
  for (let n = 0; n < count; n++)
    ids.push(
      await lab.send('XADD', inlet, '*', 'n', '1', COPY_FIELDS.position, '1-1', COPY_FIELDS.cause, 'redrive'),
    )
  return ids.map((id) => `inlet/${id}`)
}
/** A member of Millrace that died: its heartbeat is old. */
async function die(consumer = 'consumer-0'): Promise<void> {
  await lab.send('ZADD', groupKeys(lab.stream, 'group').heartbeats, '1', consumer)
}

describe('claiming', () => {
  test('hands entries over as they are: holder new, counts as before, whoever else keeps theirs', async () => {
    const ids = await group()
    await lab.send('XCLAIM', lab.stream, 'group', 'theirs', '0', ids[1]!, 'RETRYCOUNT', '7', 'JUSTID')
    await lab.send('XGROUP', 'CREATECONSUMER', lab.stream, 'group', 'other')
    expect(await claim({ positions: [ids[1]!, ids[3]!] }, 'other')).toEqual({
      done: 2,
      missing: 0,
      trimmed: 0,
    })
    expect(await pending()).toEqual([
      { id: ids[0], consumer: 'theirs', deliveries: 1 },
      { id: ids[1], consumer: 'other', deliveries: 7 },
      { id: ids[2], consumer: 'theirs', deliveries: 1 },
      { id: ids[3], consumer: 'other', deliveries: 1 },
      { id: ids[4], consumer: 'theirs', deliveries: 1 },
    ])
    expect(await records()).toMatchObject([
      {
        action: 'claim', ...ada, stream: lab.stream, group: 'group', count: 2, ids: [ids[1], ids[3]],
        detail: { to: 'other', forced: '0' },
      },
    ]) // prettier-ignore
  })

  test('takes all that a consumer holds, in several steps of one run', async () => {
    const script = `for n = 1, 1200 do redis.call('XADD', KEYS[1], n .. '-1', 'a', 'b') end`
    await lab.send('EVAL', script, '1', lab.stream)
    await lab.send('XGROUP', 'CREATE', lab.stream, 'group', '0')
    await lab.send('XREADGROUP', 'GROUP', 'group', 'theirs', 'COUNT', '1200', 'STREAMS', lab.stream, '>')
    await lab.send('XGROUP', 'CREATECONSUMER', lab.stream, 'group', 'other')
    expect(await claim({ consumer: 'theirs' }, 'other', { ...soon, dryRun: true })).toMatchObject({
      done: 1200,
    })
    expect(await claim({ consumer: 'theirs' }, 'other')).toEqual({ done: 1200, missing: 0, trimmed: 0 })
    const [, , , holders] = await lab.send<[number, string, string, unknown]>('XPENDING', lab.stream, 'group')
    expect(holders).toEqual([['other', '1200']])
    const written = await records()
    expect(written.map(({ count }) => count)).toEqual([200, 250, 250, 250, 250])
    expect(new Set(written.map(({ run }) => run)).size).toBe(1)
    expect(written[4]!.ids.slice(0, 2)).toEqual(['1-1', '2-1'])
  })

  test('never takes from whoever lives, unless by force, and says who that is; nothing is done then', async () => {
    const ids = await group()
    await lab.send('XGROUP', 'CREATECONSUMER', lab.stream, 'group', 'other')
    for (const dryRun of [true, false]) {
      const failure = await failureOf(claim({ positions: ids }, 'other', { ...ada, dryRun }))
      expect(failure).toMatchObject({ code: 'CONSUMER_BUSY', message: expect.stringContaining('theirs') })
    }
    expect((await pending()).every(({ consumer }) => consumer === 'theirs')).toBe(true)
    expect(await records()).toEqual([])
    expect(await claim({ positions: ids }, 'other', { ...ada, force: true })).toMatchObject({ done: 5 })
    expect((await records())[0]).toMatchObject({ detail: { forced: '1' } })
  })

  test('refuses 1000 positions as a whole, though they take several steps', async () => {
    await lab.send(
      'EVAL',
      `for n = 1, 1000 do redis.call('XADD', KEYS[1], n .. '-1', 'a', 'b') end`,
      '1',
      lab.stream,
    )
    await lab.send('XGROUP', 'CREATE', lab.stream, 'group', '0')
    const read = (consumer: string, count: string) =>
      lab.send('XREADGROUP', 'GROUP', 'group', consumer, 'COUNT', count, 'STREAMS', lab.stream, '>')
    await read('theirs', '999')
    await read('alive', '1')
    await lab.send('ZADD', groupKeys(lab.stream, 'group').heartbeats, String(Date.now()), 'alive')
    const selection = { positions: Array.from({ length: 1_000 }, (_, n) => `${n + 1}-1`) }
    expect(await failureOf(acknowledgeAll(selection))).toMatchObject({ code: 'CONSUMER_BUSY' })
    expect((await lab.send<[number]>('XPENDING', lab.stream, 'group'))[0]).toBe(1000)
    const forced = await acknowledgeAll(selection, { ...soon, force: true })
    expect(forced).toEqual({ done: 1000, missing: 0, trimmed: 0 })
    const gone = await acknowledgeAll(selection)
    expect(gone).toEqual({ done: 0, missing: 1000, trimmed: 0 })
  })

  test('makes nothing pending that is not, and counts it', async () => {
    const ids = await group()
    await lab.send('XACK', lab.stream, 'group', ids[0]!)
    await lab.send('XGROUP', 'CREATECONSUMER', lab.stream, 'group', 'other')
    const never = await lab.send<string>('XADD', lab.stream, '*', 'never', 'delivered')
    const selection = { positions: [ids[0]!, ids[1]!, never, '99-99'] }
    expect(await claim(selection, 'other', { ...soon, dryRun: true })).toEqual({
      done: 1,
      missing: 3,
      trimmed: 0,
    })
    expect(await claim(selection, 'other')).toEqual({ done: 1, missing: 3, trimmed: 0 })
    expect((await pending()).map(({ id }) => id)).toEqual(ids.slice(1))
  })

  test('lets go of what was trimmed, in a group of others without a trace beside the record', async () => {
    const ids = await group()
    await lab.send('XDEL', lab.stream, ids[2]!)
    await lab.send('XGROUP', 'CREATECONSUMER', lab.stream, 'group', 'other')
    expect(await claim({ positions: ids }, 'other')).toEqual({ done: 4, missing: 0, trimmed: 1 })
    expect(await pending()).toHaveLength(4)
    expect((await records())[0]).toMatchObject({ count: 4, detail: { trimmed: '1' } })
    expect(await lab.keys()).toEqual([lab.stream, actionsKey(lab.stream)].sort())
  })

  test('needs one to hand to, who is no consumer of Millrace and no other than the holder', async () => {
    const ids = await group()
    const positions = [ids[0]!]
    expect(await failureOf(claim({ positions }, 'nobody'))).toMatchObject({ code: 'UNKNOWN_CONSUMER' })
    expect(await failureOf(claim({ positions }, '~retry'))).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    expect(await failureOf(claim({ consumer: 'theirs' }, 'theirs'))).toMatchObject({
      code: 'CONFIGURATION_INVALID',
    })
    expect(await claim({ positions }, 'theirs', ada)).toEqual({ done: 0, missing: 1, trimmed: 0 })
    const ours = await lab.join({ consumer: 'ours' })
    await lab.claim(ours)
    const failure = await failureOf(claim({ positions }, 'ours'))
    expect(failure).toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining('release'),
    })
    expect((await pending())[0]!.consumer).toBe('theirs')
  })

  test('of what waits for its retry ends the wait', async () => {
    const ours = await lab.join({ consumer: 'ours' })
    const [position] = await lab.append(1)
    await ours.settle(parked(await lab.claimCount(ours, 1)))
    await lab.send('XGROUP', 'CREATECONSUMER', lab.stream, 'group', 'other')
    expect(await claim({ consumer: '~retry' }, 'other')).toMatchObject({ done: 1 })
    expect(await pending()).toEqual([{ id: position, consumer: 'other', deliveries: 4 }])
    expect(await lab.send('EXISTS', groupKeys(lab.stream, 'group').retry)).toBe(0)
  })
})

describe('releasing', () => {
  test('gives what a dead member held to another, in order and with its attempts', async () => {
    const dead = await lab.join({ consumer: 'dead' })
    const entries = await lab.append(12)
    await lab.claimCount(dead, 12)
    await die('dead')
    expect(await release({ consumer: 'dead' }, { ...ada, dryRun: true })).toEqual({
      done: 12,
      missing: 0,
      trimmed: 0,
    })
    expect((await pending()).every(({ consumer }) => consumer === 'dead')).toBe(true)
    expect(await release({ consumer: 'dead' })).toEqual({ done: 12, missing: 0, trimmed: 0 })
    expect(await pending()).toEqual(entries.map((id) => ({ id, consumer: '~retry', deliveries: 1 })))
    const claims = await lab.claimCount(await lab.join({ consumer: 'next' }), 12)
    expect(positions(claims)).toEqual(entries)
    expect(claims.every(({ attempt, origin }) => attempt === 2 && origin === 'retry')).toBe(true)
    expect((await records())[0]).toMatchObject({ action: 'release', count: 12, ids: entries })
  })

  test('makes what waits for its retry due, and leaves alone what is due', async () => {
    const consumer = await lab.join()
    const entries = await lab.append(3)
    const claims = await lab.claimCount(consumer, 3)
    await consumer.settle([...parked(claims.slice(0, 2)), ...parked(claims.slice(2), 0)])
    const selection = { positions: entries }
    expect(await release(selection, { ...ada, dryRun: true })).toEqual({ done: 2, missing: 1, trimmed: 0 })
    expect(await release(selection)).toEqual({ done: 2, missing: 1, trimmed: 0 })
    expect(await release(selection)).toEqual({ done: 0, missing: 3, trimmed: 0 })
    const again = await lab.claimCount(consumer, 3)
    expect(again.map(({ attempt }) => attempt)).toEqual([5, 5, 5])
  })

  test('makes them due in the order of numbers, not of text', async () => {
    const dead = await lab.join({ consumer: 'dead' })
    const entries = ['9-1', '10-9', '10-10', '100-1']
    for (const id of entries) await lab.send('XADD', lab.stream, id, 'a', 'b')
    await lab.claimCount(dead, 4)
    await die('dead')
    await release({ positions: ['100-1', '10-10', '9-1', '10-9'] })
    expect(await lab.send('ZRANGE', groupKeys(lab.stream, 'group').retry, '0', '-1')).toEqual(entries)
  })

  test('marks what was trimmed with a dead letter', async () => {
    const dead = await lab.join({ consumer: 'dead' })
    const entries = await lab.append(3)
    await lab.claimCount(dead, 3)
    await die('dead')
    await lab.send('XDEL', lab.stream, entries[1]!)
    expect(await release({ consumer: 'dead' })).toEqual({ done: 2, missing: 0, trimmed: 1 })
    expect((await pending()).map(({ id }) => id)).toEqual([entries[0], entries[2]])
    const [letter] = await lab.send<[string, string[]][]>('XRANGE', deadLetterKey(lab.stream), '-', '+')
    expect(letter![1]).toEqual(expect.arrayContaining(['ENTRY_TRIMMED', entries[1], ada.actor]))
    expect(await lab.send('ZRANGE', groupKeys(lab.stream, 'group').retry, '0', '-1')).not.toContain(
      entries[1],
    )
  })

  test('is refused in a group that Millrace never read for, and from a member that lives', async () => {
    const ids = await group()
    expect(await failureOf(release({ positions: ids }, soon))).toMatchObject({ code: 'GROUP_FOREIGN' })
    expect((await pending()).every(({ consumer }) => consumer === 'theirs')).toBe(true)
    await lab.join({ consumer: 'ours' })
    await lab.send('ZADD', groupKeys(lab.stream, 'group').heartbeats, String(Date.now()), 'theirs')
    expect(await failureOf(release({ consumer: 'theirs' }))).toMatchObject({ code: 'CONSUMER_BUSY' })
  })

  test('leaves nothing of the due times of what was acknowledged since', async () => {
    const dead = await lab.join({ consumer: 'dead' })
    const entries = await lab.append(2)
    await lab.claimCount(dead, 2)
    await die('dead')
    await release({ consumer: 'dead' })
    expect(await acknowledgeAll({ positions: entries })).toMatchObject({ done: 2 })
    expect(await lab.send('EXISTS', groupKeys(lab.stream, 'group').retry)).toBe(0)
    expect(await lab.claim(dead)).toEqual([])
  })
})

describe('acknowledging', () => {
  test('counts entries as done, whoever had them, and once', async () => {
    const ids = await group()
    expect(await acknowledgeAll({ positions: [ids[0]!] }, { ...soon, dryRun: true })).toMatchObject({
      done: 1,
    })
    expect(await pending()).toHaveLength(5)
    expect(await acknowledgeAll({ positions: [ids[0]!] })).toEqual({ done: 1, missing: 0, trimmed: 0 })
    expect(await acknowledgeAll({ positions: [ids[0]!] })).toEqual({ done: 0, missing: 1, trimmed: 0 })
    expect(await acknowledgeAll({ consumer: 'theirs' })).toMatchObject({ done: 4 })
    expect(await pending()).toEqual([])
    expect((await records()).map(({ count }) => count)).toEqual([4, 1])
  })

  test('frees the identity of an event for one that comes later', async () => {
    const consumer = await lab.join()
    const [first, second] = (await lab.append(2)) as [string, string]
    await lab.claimCount(consumer, 2)
    await consumer.reserve([{ position: first, identity: 'same' }], 60_000)
    const late = [{ position: second, identity: 'same' }]
    expect(await consumer.reserve(late, 60_000)).toEqual(['wait'])
    await acknowledgeAll({ positions: [first] }, { ...ada, force: true })
    expect(await consumer.reserve(late, 60_000)).toEqual(['run'])
  })

  test('takes positions for numbers: zeros before them mean nothing, and each counts once', async () => {
    for (const id of ['9-1', '10-9', '10-10']) await lab.send('XADD', lab.stream, id, 'a', 'b')
    await lab.send('XGROUP', 'CREATE', lab.stream, 'group', '0')
    await lab.send('XREADGROUP', 'GROUP', 'group', 'theirs', 'STREAMS', lab.stream, '>')
    const result = await acknowledgeAll({ positions: ['10-10', '010-009', '10-09', '10-9'] })
    expect(result).toEqual({ done: 2, missing: 0, trimmed: 0 })
    expect((await records())[0]!.ids).toEqual(['10-9', '10-10'])
    expect((await pending()).map(({ id }) => id)).toEqual(['9-1'])
  })
})

describe('copies for one group', () => {
  test('are acknowledged under the names that the worker gives them, and the inlet ends with the last', async () => {
    const consumer = await lab.join()
    const names = await copies(3)
    const claims = await lab.claimCount(consumer, 3)
    expect(positions(claims)).toEqual(names)
    const [stream] = await lab.append(1)
    await lab.claimCount(consumer, 1)
    await die()
    const result = await acknowledgeAll({ positions: [stream!, names[0]!, 'inlet/1-1'] }, ada)
    expect(result).toEqual({ done: 2, missing: 1, trimmed: 0 })
    const inlet = inletKey(lab.stream, 'group')
    expect(await lab.send('XLEN', inlet)).toBe(2)
    await die()
    // Not within the millisecond of its last entry.
    await sleep(2)
    expect(await acknowledgeAll({ consumer: 'consumer-0' }, ada)).toMatchObject({ done: 2 })
    expect((await lab.keys()).filter((key) => key.includes('inlet'))).toEqual([])
    expect(await acknowledgeAll({ positions: names }, ada)).toEqual({ done: 0, missing: 3, trimmed: 0 })
    const written = await records()
    expect(written.map(({ ids }) => ids)).toEqual([[names[1], names[2]], [names[0]], [stream]])
  })

  test('are released as everything else is', async () => {
    const dead = await lab.join({ consumer: 'dead' })
    const names = await copies(2)
    const [entry] = await lab.append(1)
    await lab.claimCount(dead, 3)
    await die('dead')
    expect(await release({ consumer: 'dead' })).toMatchObject({ done: 3 })
    const claims = await lab.claimCount(await lab.join({ consumer: 'next' }), 3)
    expect(positions(claims).sort()).toEqual([entry, ...names].sort())
    expect(claims.every(({ attempt }) => attempt === 2)).toBe(true)
  })
})

describe('two operators at once', () => {
  const both = async (deed: (options: PendingOptions) => Promise<{ done: number; missing: number }>) => {
    const [one, other] = await Promise.all([deed({ ...soon }), deed({ ...soon, ...bob })])
    return { done: one.done + other.done, missing: one.missing + other.missing }
  }

  test('each entry counts for one of them', async () => {
    const ids = await group()
    await lab.send('XGROUP', 'CREATECONSUMER', lab.stream, 'group', 'other')
    expect(await both((options) => claim({ positions: ids }, 'other', options))).toEqual({
      done: 5,
      missing: 5,
    })
    await lab.join()
    expect(await both((options) => release({ positions: ids }, options))).toEqual({ done: 5, missing: 5 })
    expect(await both((options) => acknowledgeAll({ positions: ids }, options))).toEqual({
      done: 5,
      missing: 5,
    })
    expect((await records()).map(({ action, count }) => [action, count])).toEqual([
      ['acknowledge', 5],
      ['release', 5],
      ['claim', 5],
    ])
  })

  test('one does not take what the other has just handed on', async () => {
    const ids = await group()
    for (const name of ['one', 'two']) await lab.send('XGROUP', 'CREATECONSUMER', lab.stream, 'group', name)
    const theirs = async () =>
      (await members.consumers(lab.stream, 'group')).find(({ name }) => name === 'theirs')
    await until('theirs to be idle', async () => (await theirs())!.idleMs >= 1_000)
    const options = { ...ada, minIdleMs: 1_000 }
    expect(await claim({ positions: ids }, 'one', options)).toMatchObject({ done: 5 })
    expect(await failureOf(claim({ positions: ids }, 'two', options))).toMatchObject({
      code: 'CONSUMER_BUSY',
    })
  })
})

describe('removing a consumer', () => {
  const remove = (consumer: string, options: Partial<PendingOptions> = {}) =>
    members.remove(lab.stream, 'group', consumer, { ...soon, ...options })
  const names = async () =>
    (await lab.send<string[][]>('XINFO', 'CONSUMERS', lab.stream, 'group')).map(([, name]) => name)

  test('happens only when it is dead and holds nothing', async () => {
    await group()
    expect(await failureOf(remove('theirs', { minIdleMs: 60_000 }))).toMatchObject({
      code: 'CONSUMER_BUSY', message: expect.stringContaining('lives'),
    }) // prettier-ignore
    expect(await failureOf(remove('theirs'))).toMatchObject({
      code: 'CONSUMER_BUSY', message: expect.stringContaining('holds'),
    }) // prettier-ignore
    expect(await pending()).toHaveLength(5)
    await acknowledgeAll({ consumer: 'theirs' })
    expect(await remove('theirs', { dryRun: true })).toBe(true)
    expect(await names()).toEqual(['theirs'])
    expect(await Promise.all([remove('theirs'), remove('theirs', bob)])).toEqual([true, false])
    expect(await names()).toEqual([])
    expect((await records())[0]).toMatchObject({ action: 'remove-consumer', detail: { consumer: 'theirs' } })
    expect(await records()).toHaveLength(2)
  })

  test('counts what it holds of copies, and takes its heartbeats with it', async () => {
    const dead = await lab.join({ consumer: 'dead' })
    await copies(1)
    const claims = await lab.claimCount(dead, 1)
    await die('dead')
    expect(await failureOf(remove('dead'))).toMatchObject({ message: expect.stringContaining('holds') })
    await dead.settle(acknowledge(claims))
    await die('dead')
    expect(await remove('dead')).toBe(true)
    expect(await lab.send('ZSCORE', groupKeys(lab.stream, 'group').heartbeats, 'dead')).toBeNull()
    expect(await failureOf(remove('~retry'))).toMatchObject({ code: 'CONSUMER_BUSY' })
  })
})

describe('input that makes no sense', () => {
  test.each<[string, PendingSelection]>([
    ['no positions', { positions: [] }],
    ['more than 1000', { positions: Array.from({ length: 1_001 }, (_, n) => `${n}-1`) }],
    ['what is no id', { positions: ['1-1', 'latest'] }],
    ['a number', { positions: [1] as never }],
    ['no list', { positions: '1-1' as never }],
    ['nothing', {} as never],
    ['half an id', { positions: ['1700000000000'] }],
    ['an id beyond 64 bits', { positions: ['18446744073709551616-0'] }],
    ['an id in another place', { positions: ['outlet/1-1'] }],
  ])('is refused before anything is asked: %s', async (_, selection) => {
    for (const deed of [release(selection), acknowledgeAll(selection), claim(selection, 'x')])
      expect(await failureOf(deed)).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  })

  test('names of nothing, and of something else', async () => {
    await group()
    const positions = { positions: ['1-1'] }
    const call = (stream: string, name: string, selection: PendingSelection = positions) =>
      failureOf(members.acknowledge(stream, name, selection, soon))
    expect(await call(`${lab.stream}x`, 'group')).toMatchObject({ code: 'UNKNOWN_STREAM' })
    expect(await call(lab.stream, 'grop')).toMatchObject({ code: 'UNKNOWN_GROUP' })
    expect(await call(lab.stream, 'grop', { positions: ['inlet/1-1'] })).toMatchObject({
      code: 'UNKNOWN_GROUP',
    })
    expect(await call(lab.stream, 'group', { consumer: 'nobody' })).toMatchObject({
      code: 'UNKNOWN_CONSUMER',
    })
    expect(await call('', 'group')).toMatchObject({ code: 'NAME_INVALID' })
    const { retry } = groupKeys(lab.stream, 'group')
    await lab.send('SET', retry, 'text')
    expect(await call(lab.stream, 'group')).toMatchObject({ code: 'UNKNOWN_STREAM' })
    expect(await pending()).toHaveLength(5)
    await lab.send('SET', `${lab.stream}:text`, 'text')
    expect(await call(`${lab.stream}:text`, 'group')).toMatchObject({ code: 'UNKNOWN_STREAM' })
    expect(await failureOf(acknowledgeAll(positions, { ...soon, minIdleMs: -1 }))).toMatchObject({
      code: 'CONFIGURATION_INVALID',
    })
    expect(await failureOf(acknowledgeAll(positions, { actor: '' }))).toMatchObject({ code: 'NAME_INVALID' })
  })
})
