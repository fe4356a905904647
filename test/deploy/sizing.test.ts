import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeEvent } from '../../src/core/codec.ts'
import type { NewEntry } from '../../src/core/stream-log.ts'
import { PostgresAuditTrail } from '../../src/postgres/audit-trail.ts'
import { factOf } from '../../src/postgres/test-audit.ts'
import { queryOnce } from '../../src/postgres/test-database.ts'
import { useDatabase, usePostgres } from '../support/use-postgres.ts'
import { useLog, useRedis } from '../support/use-redis.ts'

/** So many of each, of which the first ones make room for the rest. */
const COUNT = 2000
const BATCH = 250
const SIZES = { '200 B': 200, '1 KB': 1024, '10 KB': 10_240 }

const { server, admin } = useRedis()
const log = useLog(server)
const postgres = usePostgres()
const fresh = useDatabase(postgres)

/** Letters and digits that no compression makes much of. */
function textOf(length: number): string {
  let text = ''
  while (text.length < length) text += randomUUID().replaceAll('-', '')
  return text.slice(0, length)
}

/** With data of so many bytes, and a key, of which there are fifty. */
const eventOf = (bytes: number, n: number): NewEntry => ({
  fields: encodeEvent({
    type: 'order.placed',
    key: `customer-${n % 50}`,
    data: { text: textOf(bytes - 11) },
  }),
})

const entries = (bytes: number, more: () => Partial<NewEntry> = () => ({})): NewEntry[] =>
  Array.from({ length: BATCH }, (_, n) => ({ ...eventOf(bytes, n), ...more() }))

async function memory(): Promise<number> {
  const info = await admin.send<string>(['INFO', 'memory'])
  return Number(/^used_memory:(\d+)/m.exec(info)![1])
}

/** What one more of them takes, when there are many. */
async function perOne(measure: () => Promise<number>, addBatch: () => Promise<unknown>): Promise<number> {
  await addBatch()
  const before = await measure()
  for (let n = 0; n < COUNT; n += BATCH) await addBatch()
  return Math.round(((await measure()) - before) / COUNT)
}

async function auditBytes(): Promise<number> {
  const sizes = `SELECT pg_total_relation_size('millrace_audit') + pg_total_relation_size('millrace_inbox') AS bytes`
  return Number((await queryOnce<{ bytes: string }>(fresh.url, sizes))[0]!.bytes)
}

async function auditRow(bytes: number): Promise<number> {
  const trail = new PostgresAuditTrail(fresh.database)
  let position = 0
  return perOne(auditBytes, () =>
    trail.record(
      Array.from({ length: BATCH }, (_, n) =>
        factOf({ position: `1770000000000-${++position}`, fields: eventOf(bytes, n).fields }),
      ),
    ),
  )
}

async function pendingEntry(): Promise<number> {
  const stream = 'sizing-pending'
  for (let n = 0; n <= COUNT; n += BATCH) await log.append(stream, entries(200))
  await admin.send(['XGROUP', 'CREATE', stream, 'mailer', '0'])
  const read = ['XREADGROUP', 'GROUP', 'mailer', 'one', 'COUNT', String(BATCH), 'STREAMS', stream, '>']
  return perOne(memory, () => admin.send(read))
}

/** The row of the table in the guide that begins so: its figures, in bytes. */
function documented(row: string): number[] {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/deployment/sizing.md'), 'utf8')
  const line = guide.split('\n').find((one) => one.startsWith(`| ${row} |`))!
  return [...line.slice(row.length).matchAll(/\| ([\d,]+)/g)].map(([, text]) =>
    Number(text!.replaceAll(',', '')),
  )
}

/** What is off by more than other versions of the servers, and what they round up, may explain. */
function surprises(row: string, measured: readonly number[]): unknown[] {
  console.log(`${row}: ${measured.join(', ')} bytes`)
  const figures = documented(row)
  if (figures.length !== measured.length) return [{ row, figures, measured }]
  const isOff = (bytes: number, n: number) => Math.abs(bytes / figures[n]! - 1) > 0.15
  return measured.filter(isOff).map((bytes) => ({ row, figures, bytes }))
}

test('an event takes as much of Redis as the guide says', async () => {
  const measured: number[] = []
  for (const [name, bytes] of Object.entries(SIZES))
    measured.push(await perOne(memory, () => log.append(`sizing ${name}`, entries(bytes))))
  expect(surprises('event in Redis', measured)).toEqual([])
})

test('an idempotency key and a pending entry take as much of Redis as the guide says', async () => {
  const plain = await perOne(memory, () => log.append('sizing-plain', entries(200)))
  const keyed = () =>
    log.append(
      'sizing-keyed',
      entries(200, () => ({ idempotencyKey: randomUUID() })),
    )
  const keys = (await perOne(memory, keyed)) - plain
  expect(surprises('idempotency key, while it is kept', [keys])).toEqual([])
  expect(surprises('pending entry', [await pendingEntry()])).toEqual([])
})

test('a row of the audit trail takes as much of PostgreSQL as the guide says', async () => {
  const measured: number[] = []
  for (const bytes of Object.values(SIZES)) {
    await queryOnce(fresh.url, 'TRUNCATE millrace_audit, millrace_inbox')
    measured.push(await auditRow(bytes))
  }
  expect(surprises('event in the audit trail', measured)).toEqual([])
})
