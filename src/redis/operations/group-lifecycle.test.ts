import { describe, expect, test } from 'vitest'
import { positions, redisLab } from '../../../test/support/redis-lab.ts'
import { failureOf } from '../../../test/support/until.ts'
import type { GroupDeletion } from '../../core/group-lifecycle.ts'
import { actionsKey, RedisActionRecords } from './action-record.ts'
import { RedisGroupLifecycle } from './group-lifecycle.ts'
import { COPY_FIELDS, deadLetterKey, groupKeys, inletKey } from '../keys.ts'
import { retentionKey } from '../retention/retention.ts'

const ada = { actor: 'ada@example.com', reason: 'it moved elsewhere' }
const lab = redisLab()
const lifecycle = new RedisGroupLifecycle(lab.admin)
const records = async () => (await new RedisActionRecords(lab.admin).actions(lab.stream)).records
const create = (start?: string) => lifecycle.create(lab.stream, 'group', { ...ada, ...(start && { start }) })
const remove = (options: { dryRun?: boolean; force?: boolean } = {}): Promise<GroupDeletion> =>
  lifecycle.delete(lab.stream, 'group', { ...ada, ...options })
const groups = async () =>
  (await lab.send<unknown[][]>('XINFO', 'GROUPS', lab.stream)).map((row) => [row[1], row[7]])

describe('creating a group', () => {
  test.each([
    [undefined, '0-0'],
    ['0', '0-0'],
    ['$', '3-1'],
    ['1-1', '1-1'],
    ['0001-0001', '1-1'],
    ['99-99', '3-1'],
  ])('from %s begins after %s, once', async (start, from) => {
    for (const id of ['1-1', '2-1', '3-1']) await lab.send('XADD', lab.stream, id, 'a', 'b')
    expect(await Promise.all([create(start), create('0')])).toEqual([true, false])
    expect(await groups()).toEqual([['group', from]])
    expect(await records()).toMatchObject([
      { action: 'create-group', ...ada, group: 'group', count: 1, detail: { start: from } },
    ])
    const kept = from === '0-0' ? [] : [groupKeys(lab.stream, 'group').state]
    expect(await lab.keys()).toEqual([lab.stream, actionsKey(lab.stream), ...kept].sort())
  })

  test('creates the stream as well where it is told to, once, and what is published later comes', async () => {
    const make = () => lifecycle.create(lab.stream, 'group', { ...ada, createStream: true })
    expect(await Promise.all([make(), make()])).toEqual([true, false])
    expect(await groups()).toEqual([['group', '0-0']])
    const entries = await lab.append(2)
    const claims = await lab.claimCount(await lab.join(), 2)
    expect(claims).toMatchObject(entries.map((position) => ({ position, attempt: 1 })))
    expect(await make()).toBe(false)
    expect(await lab.send('XLEN', lab.stream)).toBe(2)
  })

  test('creates no stream in the place of another key', async () => {
    await lab.send('SET', lab.stream, 'text')
    const wrong = lifecycle.create(lab.stream, 'group', { ...ada, createStream: true })
    expect(await failureOf(wrong)).toMatchObject({ code: 'UNKNOWN_STREAM' })
    expect(await lab.send('GET', lab.stream)).toBe('text')
    const letters = lifecycle.create(deadLetterKey(lab.stream), 'group', { ...ada, createStream: true })
    expect(await failureOf(letters)).toMatchObject({ code: 'NAME_INVALID' })
  })

  test('counts nothing for it that an earlier one of its name left, and its consumers get all of it', async () => {
    const consumer = await lab.join()
    const entries = await lab.append(3)
    const [claim] = await lab.claimCount(consumer, 3)
    await consumer.settle([{ kind: 'retry', position: claim!.position, attempts: 4, delayMs: 60_000 }])
    await consumer.heartbeat()
    await lab.send('XGROUP', 'DESTROY', lab.stream, 'group')
    await create(entries[1])
    const { state, retry, heartbeats } = groupKeys(lab.stream, 'group')
    expect(await lab.send('HGET', state, 'low')).toBe(entries[1])
    expect(await lab.send('EXISTS', retry, heartbeats)).toBe(0)
    const claims = await lab.claimCount(await lab.join({ consumer: 'next' }), 1)
    expect(claims).toMatchObject([{ position: entries[2], attempt: 1 }])
  })

  test('needs a stream, a name, and a start that is one', async () => {
    expect(await failureOf(create())).toMatchObject({ code: 'UNKNOWN_STREAM' })
    await lab.append(1)
    for (const start of ['end', '-1', '1', '18446744073709551616-0', 7 as never])
      expect(await failureOf(create(start))).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    expect(await failureOf(lifecycle.create(lab.stream, '', ada))).toMatchObject({ code: 'NAME_INVALID' })
    expect(await failureOf(lifecycle.create(lab.stream, 'group', { actor: '' }))).toMatchObject({
      code: 'NAME_INVALID',
    })
    await lab.send('SET', `${lab.stream}:text`, 'text')
    const wrong = lifecycle.create(`${lab.stream}:text`, 'group', ada)
    expect(await failureOf(wrong)).toMatchObject({ code: 'UNKNOWN_STREAM' })
    expect(await groups()).toEqual([])
  })
})

describe('deleting a group', () => {
  /** A group with something in each of its keys, of which nobody lives any more. */
  async function scene(): Promise<void> {
    const consumer = await lab.join()
    const inlet = inletKey(lab.stream, 'group')
    const mark = [COPY_FIELDS.position, '1-1', COPY_FIELDS.cause, 'redrive']
    for (let n = 0; n < 3; n++) await lab.send('XADD', inlet, '*', 'n', '1', ...mark)
    await lab.append(4)
    const claims = [...(await lab.claimCount(consumer, 7))]
    const [one, two, three] = claims.filter(({ position }) => !position.startsWith('inlet/'))
    const copy = claims.find(({ position }) => position.startsWith('inlet/'))
    await consumer.settle([
      { kind: 'retry', position: one!.position, attempts: 1, delayMs: 60_000 },
      { kind: 'retry', position: copy!.position, attempts: 1, delayMs: 60_000 },
      { kind: 'acknowledge', position: two!.position },
      { kind: 'dead-letter', position: three!.position, attempts: 1, letter: { error: 'E', reason: 'r' } },
    ])
    await consumer.heartbeat()
    await lab.append(2)
    const { state, heartbeats, lease } = groupKeys(lab.stream, 'group')
    await lab.send('HSET', state, 'paused', '1')
    await lab.send('SET', lease, 'consumer-0')
    await lab.send('HSET', retentionKey(lab.stream), 'alive group', '1 1 x', 'alive other', '1 1 x')
    await lab.send('ZADD', heartbeats, '1', 'consumer-0')
  }

  test('takes all that it has with it, and leaves what others have', async () => {
    await scene()
    await lab.send('XGROUP', 'CREATE', lab.stream, 'other', '0')
    const before = await lab.keys()
    const expected = { pending: 2, behind: 2, copies: 3, live: [] }
    expect(await remove({ dryRun: true })).toEqual(expected)
    expect(await lab.keys()).toEqual(before)
    expect(await records()).toEqual([])
    expect(await remove()).toEqual(expected)
    const left = [lab.stream, actionsKey(lab.stream), deadLetterKey(lab.stream), retentionKey(lab.stream)]
    expect(await lab.keys()).toEqual(left.sort())
    expect((await groups()).map(([name]) => name)).toEqual(['other'])
    expect(await lab.send('HKEYS', retentionKey(lab.stream))).toEqual(['alive other'])
    expect(await records()).toMatchObject([
      { action: 'delete-group', ...ada, group: 'group', count: 2, detail: { copies: '3', forced: '0' } },
    ])
    expect(await failureOf(remove())).toMatchObject({ code: 'UNKNOWN_GROUP' })
  })

  test('is refused while consumers live, of Millrace and of others, and says who they are', async () => {
    await lab.join({ consumer: 'ours' }).then((consumer) => lab.claim(consumer))
    await lab.send('XGROUP', 'CREATECONSUMER', lab.stream, 'group', 'theirs')
    const failure = await failureOf(remove())
    expect(failure).toMatchObject({ code: 'GROUP_BUSY', message: expect.stringContaining('ours, theirs') })
    for (const force of [true, false])
      expect(await remove({ dryRun: true, force })).toMatchObject({ live: ['ours', 'theirs'] })
    expect(await groups()).toHaveLength(1)
    expect(await remove({ force: true })).toMatchObject({ live: ['ours', 'theirs'] })
    expect(await groups()).toEqual([])
    expect((await records())[0]).toMatchObject({ detail: { forced: '1' } })
  })

  test('once, where two do so at the same time; one of its name is a new one', async () => {
    await scene()
    const both = await Promise.allSettled([remove(), remove()])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await create()).toBe(true)
    const claims = await lab.claimCount(await lab.join({ consumer: 'next' }), 6)
    expect(claims.every(({ attempt, origin }) => attempt === 1 && origin === 'new')).toBe(true)
    expect(positions(claims).some((position) => position.startsWith('inlet/'))).toBe(false)
  })

  test('needs a stream and a group, and changes nothing where a key beside them is wrong', async () => {
    expect(await failureOf(remove())).toMatchObject({ code: 'UNKNOWN_STREAM' })
    await lab.append(1)
    expect(await failureOf(remove())).toMatchObject({ code: 'UNKNOWN_GROUP' })
    await create()
    await lab.send('SET', retentionKey(lab.stream), 'text')
    expect(await failureOf(remove())).toMatchObject({
      code: expect.stringMatching(/UNKNOWN_STREAM|REDIS_REFUSED/),
    })
    expect(await groups()).toHaveLength(1)
    await lab.send('SET', `${lab.stream}:text`, 'text')
    expect(await failureOf(lifecycle.delete(`${lab.stream}:text`, 'g', ada))).toMatchObject({
      code: 'UNKNOWN_STREAM',
    })
  })
})
