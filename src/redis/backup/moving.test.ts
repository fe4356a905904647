import { expect, test } from 'vitest'
import { backupLab } from '../../../test/support/backup-lab.ts'
import { useLog } from '../../../test/support/use-redis.ts'
import { until } from '../../../test/support/until.ts'
import { RECORD, type BackupRecord } from '../../core/backup.ts'
import { StreamWalk } from '../../backup/stream-walk.ts'
import { deadLetterKey, groupKeys, inletKey } from '../keys.ts'
import { RedisBackupSource } from './backup-source.ts'
import { RedisRestoreTarget } from './restore-target.ts'

const lab = backupLab()
const log = useLog(lab.sourceServer)
const send = <T = unknown>(...args: string[]) => lab.source.send<T>(args)
const suffixOf = ({ parts }: BackupRecord) => parts[0]!.toString()

/** Copies a stream from one server to the other; `meanwhile` is called with each record that was read. */
async function copyWhile(meanwhile: (record: BackupRecord) => Promise<unknown> | undefined): Promise<void> {
  const records: BackupRecord[] = []
  const source = new RedisBackupSource(lab.source)
  for await (const page of source.read('orders', 'backup', new AbortController().signal)) {
    for (const record of page) await meanwhile(record)
    records.push(...page)
  }
  const [first, ...others] = records
  const walk = new StreamWalk(first!)
  for (const record of others) walk.follow(record)
  const staged = await new RedisRestoreTarget(lab.target).stage(
    { stream: walk.name, suffixes: walk.stream.suffixes },
    'r',
  )
  await staged.take(records)
  await staged.appear()
}

const once = (fits: (record: BackupRecord) => boolean, work: () => Promise<unknown>) => {
  let done = false
  return async (record: BackupRecord) => {
    if (done || !fits(record)) return
    done = true
    await work()
  }
}

test('what is moved into the stream while it is read is there once', async () => {
  const { schedule } = log.operations
  const soon = Array.from({ length: 700 }, (_, n) => ({
    fields: ['type', 'soon', 'data', String(n)],
    delayMs: 1,
  }))
  await schedule.schedule('orders', [...soon, { fields: ['type', 'late', 'data', '1'], delayMs: 600_000 }])
  await copyWhile(
    once(
      ({ kind }) => kind === RECORD.hash,
      () =>
        until('all that is due', async () => {
          await schedule.move('orders')
          return (await send('XLEN', 'orders')) === 700
        }),
    ),
  )
  expect(await lab.target.send(['XLEN', 'orders'])).toBe(700)
  expect(await lab.target.send(['ZCARD', '{orders}:schedule'])).toBe(1)
  expect(await lab.target.send(['HLEN', '{orders}:schedule:entries'])).toBe(1)
})

test('a dead letter that comes from an inlet while that is read is not lost', async () => {
  await send('XADD', 'orders', '1-1', 'a', 'b')
  await send('XGROUP', 'CREATE', 'orders', 'g', '0')
  await send('XADD', deadLetterKey('orders'), '1-1', 'old', 'letter')
  await send('XADD', inletKey('orders', 'g'), '1-1', 'a', 'b')
  const isInlet = (record: BackupRecord) => record.kind === RECORD.log && suffixOf(record).endsWith(':inlet')
  await copyWhile(once(isInlet, () => send('XADD', deadLetterKey('orders'), '2-1', 'new', 'letter')))
  expect(await lab.target.send(['XRANGE', deadLetterKey('orders'), '-', '+'])).toHaveLength(2)
})

test('the first dead letter that ever comes then is not lost either', async () => {
  await send('XADD', 'orders', '1-1', 'a', 'b')
  await send('XGROUP', 'CREATE', 'orders', 'g', '0')
  await send('XADD', inletKey('orders', 'g'), '1-1', 'a', 'b')
  const isInlet = (record: BackupRecord) => record.kind === RECORD.log && suffixOf(record).endsWith(':inlet')
  await copyWhile(once(isInlet, () => send('XADD', deadLetterKey('orders'), '2-1', 'new', 'letter')))
  expect(await lab.target.send(['XLEN', deadLetterKey('orders')])).toBe(1)
})

test('what is delivered, acknowledged and deleted while it is read is pending, unread or done, and nothing else', async () => {
  for (let n = 1; n <= 9; n++) await send('XADD', 'orders', `${n}-0`, 'n', String(n))
  await send('XGROUP', 'CREATE', 'orders', 'g', '0')
  await send('XREADGROUP', 'GROUP', 'g', 'a', 'COUNT', '4', 'STREAMS', 'orders', '>')
  await copyWhile(
    once(
      ({ kind }) => kind === RECORD.entry,
      async () => {
        await send('XACK', 'orders', 'g', '2-0')
        await send('XDEL', 'orders', '2-0')
        await send('XREADGROUP', 'GROUP', 'g', 'a', 'COUNT', '3', 'STREAMS', 'orders', '>')
        await send('XACK', 'orders', 'g', '6-0')
        await send('XADD', 'orders', '10-0', 'n', '10')
      },
    ),
  )
  const pending = await lab.target.send<[string][]>(['XPENDING', 'orders', 'g', '-', '+', '99'])
  expect(pending.map(([id]) => id)).toEqual(['1-0', '3-0', '4-0'])
  const unread = await lab.target.send<[[string, [string][]]]>([
    'XREADGROUP',
    'GROUP',
    'g',
    'b',
    'STREAMS',
    'orders',
    '>',
  ])
  expect(unread[0][1].map(([id]) => id)).toEqual(['5-0', '6-0', '7-0', '8-0', '9-0'])
})

test('a group of which only its state is left keeps that, and what was acknowledged stays so', async () => {
  await send('XADD', 'orders', '1-1', 'a', 'b')
  await send('HSET', groupKeys('orders', 'gone').state, 'low', '1-1', 'added', '1')
  await copyWhile(() => undefined)
  expect(await lab.target.send(['HGETALL', groupKeys('orders', 'gone').state])).toEqual([
    'low',
    '1-1',
    'added',
    '1',
  ])
})

test('a hold stands while a stream is read, and is gone afterwards', async () => {
  await send('XADD', 'orders', '1-1', 'a', 'b')
  let held: unknown
  await copyWhile(
    once(
      ({ kind }) => kind === RECORD.entry,
      async () => (held = await log.operations.holds.list('orders')),
    ),
  )
  expect(held).toMatchObject([{ name: 'backup', position: '0-0', expiresAt: expect.any(Number) }])
  expect(await send('EXISTS', '{orders}:holds')).toBe(0)
})

test('who may not set a hold can back up all the same', async () => {
  await send('XADD', 'orders', '1-1', 'a', 'b')
  await send('SET', '{orders}:holds', 'taken by something else')
  await copyWhile(() => undefined)
  expect(await lab.target.send(['XLEN', 'orders'])).toBe(1)
})
