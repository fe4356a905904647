import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { failureOf } from '../../test/support/until.ts'
import { useOnce } from '../../test/support/use.ts'
import { RECORD, type BackupRecord, type RecordKind } from '../core/backup.ts'
import { checkBackup, readPartial, readRecords } from './backup-reader.ts'
import { BackupWriter } from './backup-writer.ts'
import { FRAME_OVERHEAD, START_LENGTH } from './format.ts'
import { decodeRecords, RecordBuffer } from './record-codec.ts'

const folder = useOnce(
  async () => ({ path: mkdtempSync(join(tmpdir(), 'format-')) }),
  async ({ path }) => rmSync(path, { recursive: true }),
)
const file = (name: string) => join(folder.path, name)

const record = (kind: RecordKind, ...parts: (string | Buffer)[]): BackupRecord => ({
  kind,
  parts: parts.map((part) => Buffer.from(part as string)),
})

/** A frame of records for each stream. */
async function write(name: string, id = 'job', streams = ['a', 'b', 'c']): Promise<Buffer> {
  rmSync(file(name), { force: true })
  const header = { id, createdAt: '2026-01-01T00:00:00.000Z', streams }
  const writer = await BackupWriter.create(file(`${name}.partial`), header)
  for (const stream of streams) {
    await writer.write([
      record(RECORD.stream, stream, '0'),
      record(RECORD.log, '', '1-2', '2'),
      record(RECORD.group, 'g', '1-1', '1'),
      record(RECORD.entry, '1-1', 'name', Buffer.from([0xff, 0])),
      record(RECORD.entry, '1-2', 'name', stream),
      record(RECORD.deleted, '0-0'),
      record(RECORD.pending, 'g', '1-1', 'c', '1', '5'),
      record(RECORD.end, '2', '1'),
    ])
    await writer.endFrame()
  }
  const { length } = streams
  await writer.finish(file(name), { streams: length, entries: 2 * length, pending: length })
  return readFileSync(file(name))
}

/** Where frames begin, and where the last one ends. */
function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = []
  for (let at = START_LENGTH; at < bytes.length;) {
    const end = at + FRAME_OVERHEAD + bytes.readUInt32BE(at + 5)
    frames.push(bytes.subarray(at, end))
    at = end
  }
  return frames
}

/** Why it is refused. */
async function faultOf(bytes: Buffer): Promise<string> {
  writeFileSync(file('tried'), bytes)
  const { code, message } = await failureOf(checkBackup(file('tried')))
  return `${code} ${message}`
}
const REFUSED = /^BACKUP_INVALID .*nothing was written.*at byte \d+: /

describe('a file that was written', () => {
  test('says what is in it, and gives it back', async () => {
    const bytes = await write('whole')
    const contents = await checkBackup(file('whole'))
    expect(contents).toMatchObject({
      id: 'job',
      bytes: bytes.length,
      entries: 6,
      pending: 3,
      formatVersion: 1,
    })
    expect(contents.streams.map(({ name, entries, groups }) => [name, entries, groups])).toEqual(
      ['a', 'b', 'c'].map((name) => [name, 2, ['g']]),
    )
    const records: BackupRecord[] = []
    for await (const page of readRecords(file('whole'))) records.push(...page)
    expect(records).toHaveLength(24)
    expect(records[3]!.parts[2]).toEqual(Buffer.from([0xff, 0]))
  })

  test('is refused with any bit of it turned, and it is said where', async () => {
    const bytes = await write('bits', 'job', ['a'])
    for (let at = 0; at < bytes.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const turned = Buffer.from(bytes)
        turned[at]! ^= 1 << bit
        const message = await faultOf(turned)
        expect(message).toMatch(REFUSED)
        const [, offset] = /at byte (\d+)/.exec(message)!
        expect(Number(offset)).toBeLessThanOrEqual(at)
      }
  }, 60_000)

  test('is refused at every length that it may be cut to', async () => {
    const bytes = await write('cut')
    for (let length = 0; length < bytes.length; length++)
      expect(await faultOf(bytes.subarray(0, length))).toMatch(REFUSED)
  }, 30_000)

  test('is refused with frames swapped, missing, repeated, or pasted from another file', async () => {
    const bytes = await write('one')
    const start = bytes.subarray(0, START_LENGTH)
    const own = framesOf(bytes)
    const [header, a, b, c, end] = own as [Buffer, Buffer, Buffer, Buffer, Buffer]
    const other = framesOf(await write('two', 'other job'))
    for (const frames of [
      [header, b, a, c, end],
      [header, a, c, end],
      [header, a, a, b, c, end],
      [header, a, b, c],
      [header, a, b, c, end, end],
      [header, a, other[2]!, c, end],
      [other[0]!, a, b, c, end],
      [...own, ...other],
      [a, b, c, end],
      [],
    ])
      expect(await faultOf(Buffer.concat([start, ...frames]))).toMatch(REFUSED)
    for (const more of [bytes, Buffer.from([0])])
      expect(await faultOf(Buffer.concat([bytes, more]))).toMatch(REFUSED)
  })

  test('is refused where its format is a newer one, which is said', async () => {
    const bytes = await write('newer')
    bytes.writeUInt16BE(2, START_LENGTH - 2)
    expect(await faultOf(bytes)).toContain('a newer Millrace')
    expect(await faultOf(Buffer.from('something else'))).toContain('does not begin as a backup')
  })
})

test('what makes no sense is refused though its digests are right', async () => {
  const header = { id: 'job', createdAt: '2026-01-01T00:00:00.000Z', streams: ['a'] }
  const wrong: BackupRecord[][] = [
    [record(RECORD.entry, '1-1', 'a', 'b')],
    [record(RECORD.stream, 'b', '0')],
    [record(RECORD.stream, 'a', '0'), record(RECORD.log, 'idempotency:x', '1-1', '1')],
    [record(RECORD.stream, 'a', '0'), record(RECORD.hash, 'group:g:lease', 'a', 'b')],
    [
      record(RECORD.stream, 'a', '0'),
      record(RECORD.log, '', '1-1', '1'),
      record(RECORD.entry, '1-2', 'a', 'b'),
    ],
    [record(RECORD.stream, 'a', '0'), record(RECORD.pending, 'g', '1-1', 'c', '1', '1')],
    [record(RECORD.stream, 'a', '0'), record(RECORD.end, '5', '0')],
  ]
  for (const records of wrong) {
    const writer = await BackupWriter.create(file('wrong.partial'), header)
    await writer.write(records)
    await writer.finish(file('wrong'), { streams: 1, entries: 0, pending: 0 })
    expect((await failureOf(checkBackup(file('wrong')))).message).toMatch(/at byte \d+/)
  }
})

test('what was not completed can be continued behind its last whole frame', async () => {
  const bytes = await write('whole')
  const lengths = framesOf(bytes).map((frame) => frame.length)
  const behind = (count: number) => lengths.slice(0, count).reduce((sum, one) => sum + one, START_LENGTH)
  for (const [length, complete] of [
    [behind(1), 0],
    [behind(2), 1],
    [behind(3) - 1, 1],
    [behind(4), 3],
  ] as const) {
    writeFileSync(file('torn'), bytes.subarray(0, length))
    const partial = await readPartial(file('torn'))
    expect(partial?.streams).toHaveLength(complete)
    expect(partial?.tail.offset).toBe(behind(1 + complete))
  }
  writeFileSync(file('torn'), bytes.subarray(0, 5))
  expect(await readPartial(file('torn'))).toBeUndefined()
  expect(await readPartial(file('none'))).toBeUndefined()
})

test('records come back as they were, whatever their parts', () => {
  const kinds = fc.constantFrom(...Object.values(RECORD))
  const part = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(
      fc.array(fc.record({ kind: kinds, parts: fc.array(part, { maxLength: 200 }) })),
      (records) => {
        const buffer = new RecordBuffer(16)
        for (const one of records) buffer.add(one)
        expect([...decodeRecords(buffer.take())]).toEqual(records)
      },
    ),
  )
})

test('bytes that are no records are refused, and cost no memory', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(outcomeOf(Buffer.from(bytes))).toMatch(/^\d{1,2}$|kind|part|number/)
    }),
  )
})

/** The most parts that a record has, or what is wrong. */
function outcomeOf(bytes: Buffer): string {
  try {
    return String(Math.max(0, ...[...decodeRecords(bytes)].map(({ parts }) => parts.length)))
  } catch (error) {
    return (error as Error).message
  }
}
