import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backupLab, contentsOf, TestRun } from '../../../test/support/backup-lab.ts'
import { failureOf } from '../../../test/support/until.ts'
import { checkBackup } from '../../backup/backup-reader.ts'
import { deadLetterKey, groupKeys, inletKey } from '../keys.ts'
import { slotPrefix } from '../slots.ts'

const lab = backupLab()
const send = <T = unknown>(...args: (string | Buffer)[]) => lab.source.send<T>(args, 60_000)

/** What was there, and what is after a backup and a restore. */
async function roundTrip(): Promise<{ before: unknown; after: unknown }> {
  const before = await contentsOf(lab.source)
  await lab.backup()
  await lab.restore()
  return { before, after: await contentsOf(lab.target) }
}

/** A stream with all that Millrace keeps beside it. */
async function fillStream(stream: string): Promise<void> {
  for (let n = 1; n <= 20; n++) await send('XADD', stream, `${n}-1`, 'type', 't', 'data', String(n))
  for (const key of [stream, deadLetterKey(stream), inletKey(stream, 'a:b')]) {
    await send('XADD', key, '100-1', 'x', 'y')
    await send('XADD', key, '100-2', 'x', 'z')
    await send('XGROUP', 'CREATE', key, 'a:b', '0')
    await send('XREADGROUP', 'GROUP', 'a:b', 'one', 'COUNT', '1', 'STREAMS', key, '>')
    await send('XREADGROUP', 'GROUP', 'a:b', '~retry', 'COUNT', '1', 'STREAMS', key, '>')
    const { state, retry } = groupKeys(key, 'a:b')
    await send('HSET', state, 'low', '3-1', 'added', '5', 'paused', '17')
    await send('ZADD', retry, '12345.5', '100-2')
  }
  const prefix = slotPrefix(stream)
  await send('HSET', groupKeys(stream, 'gone').state, 'low', '9-1')
  await send('XADD', `${prefix}actions`, '5-5', 'action', 'pause')
  await send('HSET', `${prefix}dead-letter:edits`, '100-1', '["a","b"]')
  await send('ZADD', `${prefix}schedule`, '99', '0001', '100', '0002')
  await send('HSET', `${prefix}schedule:entries`, '0001', randomBytes(50), '0002', randomBytes(50))
  await send('HSET', `${prefix}retention`, 'around', '1-1')
  await send('RPUSH', `${prefix}retention:expired`, 'x', 'y')
}

const NAMES = ['orders', '{shop}orders', 'a{b}c', '}{', 'a}b', 'größe:🚂', '__proto__']

describe('what was backed up and restored is the same', () => {
  test('with all that Millrace keeps beside streams, whatever their names', async () => {
    for (const name of NAMES) await fillStream(name)
    await send('SADD', 'millrace:streams', ...NAMES.slice(0, 3))
    const before = await contentsOf(lab.source)
    await lab.backup()
    const { streams } = await checkBackup(lab.path)
    expect(streams.map(({ name }) => name).sort()).toEqual([...NAMES].sort())
    await lab.restore()
    const { 'millrace:scheduled': scheduled, ...after } = await contentsOf(lab.target)
    expect(after).toEqual(before)
    expect(JSON.stringify(scheduled)).toContain('größe')
  })

  test('not what is over soon: keys of idempotency, holds, leases', async () => {
    await fillStream('orders')
    const before = await contentsOf(lab.source)
    await send('SET', '{orders}:idempotency:k', 'v')
    await send('SET', '{orders}:group:a%3Ab:lease', 'v')
    await send('HSET', '{orders}:holds', 'h', '0-0')
    await lab.backup()
    await lab.restore()
    const { 'millrace:scheduled': _, ...after } = await contentsOf(lab.target)
    expect(after).toEqual(before)
  })

  test('with bytes that are no text, in fields and in the names of groups and consumers', async () => {
    const bytes = Buffer.from([0xff, 0x00, 0x0d, 0x0a, 0xc3, 0x28])
    await send('XADD', 's', '1-1', bytes, bytes, '', '')
    await send('XADD', 's', '1-2', randomBytes(5_000), randomBytes(70_000))
    await send('XGROUP', 'CREATE', 's', bytes, '0')
    await send('XREADGROUP', 'GROUP', bytes, bytes, 'COUNT', '1', 'STREAMS', 's', '>')
    await send('XGROUP', 'CREATECONSUMER', 's', bytes, 'idle')
    const { before, after } = await roundTrip()
    expect(after).toEqual(before)
  })

  test('with entries of 3,000 and of 10,000 fields, and of 10 MB', async () => {
    const wide = (count: number) => Array.from({ length: count * 2 }, (_, at) => String(at))
    await send('XADD', 's', '1-1', ...wide(3_000))
    await send('XADD', 's', '1-2', 'a', 'b')
    await send('XADD', 's', '1-3', ...wide(10_000))
    await send('XADD', 's', '1-4', ...wide(10_000))
    await send('XADD', 's', '1-5', 'a', 'b')
    for (let n = 1; n <= 5; n++) await send('XADD', 's', `2-${n}`, 'data', randomBytes(10_000_000))
    const { before, after } = await roundTrip()
    expect(after).toEqual(before)
  })

  test('with corners: empty, ahead, never read, deleted from, the largest position', async () => {
    const largest = '18446744073709551615'
    await send('XGROUP', 'CREATE', 'empty', 'g', '0', 'MKSTREAM')
    await send('XADD', 'emptied', '7-7', 'a', 'b')
    await send('XDEL', 'emptied', '7-7')
    await send('XADD', 'ahead', '5-5', 'a', 'b')
    await send('XGROUP', 'CREATE', 'ahead', 'g', '500-0')
    await send('XGROUP', 'CREATE', 'ahead', 'known', '5-5', 'ENTRIESREAD', '1')
    for (let n = 1; n <= 9; n++) await send('XADD', 'holes', `0-${n}`, 'a', 'b')
    await send('XGROUP', 'CREATE', 'holes', 'g', '0')
    await send('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '3', 'STREAMS', 'holes', '>')
    await send('XACK', 'holes', 'g', '0-1')
    await send('XDEL', 'holes', '0-5', '0-6')
    await send('XTRIM', 'holes', 'MAXLEN', '6')
    await send('XADD', 'full', `${largest}-${largest}`, 'a', 'b')
    const { before, after } = await roundTrip()
    expect(after).toEqual(before)
  })

  test('but for pending entries that are gone: nothing can run them, and it is said how many', async () => {
    for (let n = 1; n <= 3; n++) await send('XADD', 's', `0-${n}`, 'a', 'b')
    await send('XGROUP', 'CREATE', 's', 'g', '0')
    await send('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>')
    await send('XDEL', 's', '0-2')
    expect(await lab.backup()).toMatchObject({ pending: 3 })
    expect(await lab.restore()).toMatchObject({ pending: 2, gone: 1 })
    const pending = await lab.target.send<string[][]>(['XPENDING', 's', 'g', '-', '+', '9'])
    expect(pending.map(([id]) => id)).toEqual(['0-1', '0-3'])
  })

  test('where only dead letters are left, or only what is to come', async () => {
    await send('XADD', deadLetterKey('a}b'), '1-1', 'x', 'y')
    await send('ZADD', '{soon}:schedule', '5', '01')
    await send('HSET', '{soon}:schedule:entries', '01', 'packed')
    await send('ZADD', 'millrace:scheduled', '1', 'soon')
    await lab.backup()
    await lab.restore()
    const { 'millrace:scheduled': _, ...before } = await contentsOf(lab.source)
    const { 'millrace:scheduled': scheduled, ...after } = await contentsOf(lab.target)
    expect(after).toEqual(before)
    expect(scheduled).toMatchObject({ value: ['soon', expect.any(String)] })
  })

  test('under other names', async () => {
    await fillStream('orders')
    await fillStream('bills')
    await lab.backup({ streams: ['orders', 'bills'] })
    await lab.restore({ rename: 'old:' })
    await lab.restore({ streams: ['orders'], rename: { orders: 'a}b' } }, new TestRun('another'))
    const keys = Object.keys(await contentsOf(lab.target))
    const expected = Object.keys(await contentsOf(lab.source))
    expect(keys.filter((key) => key.includes('old:orders'))).toHaveLength(
      expected.filter((key) => key.includes('orders')).length,
    )
    expect(await lab.target.send(['XLEN', inletKey('a}b', 'a:b')])).toBe(2)
    expect(await lab.target.send(['XLEN', 'a}b'])).toBe(22)
  })

  const bytes = fc.uint8Array({ minLength: 0, maxLength: 40 }).map((array) => Buffer.from(array))
  const stream = fc.record({
    entries: fc.array(fc.array(fc.tuple(bytes, bytes), { minLength: 1, maxLength: 4 }), { maxLength: 30 }),
    deleted: fc.array(fc.nat(29), { maxLength: 5 }),
    groups: fc.uniqueArray(
      fc.record({
        name: fc.stringMatching(/^[a-z:%{} ]{1,8}$/),
        read: fc.array(fc.tuple(fc.constantFrom('c1', '~retry', 'c 2'), fc.integer({ min: 1, max: 9 })), {
          maxLength: 4,
        }),
        acknowledged: fc.array(fc.nat(29), { maxLength: 8 }),
      }),
      { maxLength: 3, selector: ({ name }) => name },
    ),
  })

  test('whatever streams and groups there are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stream, { minLength: 1, maxLength: 3 }), async (streams) => {
        await Promise.all([lab.source, lab.target].map((connection) => connection.send(['FLUSHALL'])))
        const id = (at: number) => `5-${at + 1}`
        for (const [index, { entries, groups, deleted }] of streams.entries()) {
          const key = `s${index}`
          for (const [at, fields] of entries.entries()) await send('XADD', key, id(at), ...fields.flat())
          for (const { name, read, acknowledged } of groups) {
            await send('XGROUP', 'CREATE', key, name, '0', 'MKSTREAM')
            for (const [consumer, count] of read)
              await send('XREADGROUP', 'GROUP', name, consumer, 'COUNT', String(count), 'STREAMS', key, '>')
            for (const at of [...acknowledged, ...deleted]) await send('XACK', key, name, id(at))
          }
          for (const at of deleted) await send('XDEL', key, id(at))
        }
        rmSync(lab.path, { force: true })
        const { before, after } = await roundTrip()
        expect(after).toEqual(before)
      }),
      { numRuns: 60 },
    )
  })
})

describe('what is in the way', () => {
  test('is listed whole, and nothing is written', async () => {
    await fillStream('orders')
    await lab.backup()
    await lab.target.send(['XADD', 'orders', '1-1', 'a', 'b'])
    await lab.target.send(['SET', '{orders}:schedule', 'x'])
    await lab.target.send(['HSET', groupKeys('orders', 'a:b').state, 'low', '1-1'])
    const before = await contentsOf(lab.target)
    const failure = await failureOf(lab.restore())
    expect(failure.code).toBe('RESTORE_CONFLICT')
    for (const key of ['"orders"', '"{orders}:schedule"', '"{orders}:group:a%3Ab"'])
      expect(failure.message).toContain(key)
    expect(await contentsOf(lab.target)).toEqual(before)
  })

  test('is seen also when it comes while the stream is built, and what was built goes', async () => {
    await fillStream('orders')
    await lab.backup()
    const run = new TestRun('r')
    run.step = async () => void (await lab.target.send(['SET', '{orders}:actions', 'x']))
    expect(await failureOf(lab.restore({}, run))).toMatchObject({ code: 'RESTORE_CONFLICT' })
    const keys = Object.keys(await contentsOf(lab.target)).filter((key) => key !== 'millrace:scheduled')
    expect(keys).toEqual(['{orders}:actions'])
  })
})

test('a stream that is not there can not be backed up', async () => {
  await send('SET', 'text', 'no stream')
  for (const streams of [['orders'], ['text']])
    expect(await failureOf(lab.backup({ streams }))).toMatchObject({ code: 'UNKNOWN_STREAM' })
})

test('what is beside a stream is not backed up without it', async () => {
  await send('XADD', deadLetterKey('orders'), '1-1', 'a', 'b')
  const failure = await failureOf(lab.backup({ streams: [deadLetterKey('orders')] }))
  expect(failure).toMatchObject({ code: 'CONFIGURATION_INVALID' })
})

test('streams are chosen by a glob', async () => {
  for (const name of ['user:a', 'user:b', 'order:a']) await send('XADD', name, '1-1', 'a', 'b')
  await lab.backup({ match: 'user:*' })
  expect((await checkBackup(lab.path)).streams.map(({ name }) => name)).toEqual(['user:a', 'user:b'])
})

test('parameters that are none are refused, all at once', async () => {
  const failure = await failureOf(lab.backup({ path: 5, streams: [], macth: 'x' }))
  expect(failure).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  for (const name of ['streams', 'macth']) expect(failure.message).toContain(name)
})
