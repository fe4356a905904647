import { afterAll, beforeAll, expect, it } from 'vitest'
import { usePostgres } from '../../test/support/use-postgres.ts'
import type { AuditFact } from '../core/audit.ts'
import { decodeEntry } from '../core/codec.ts'
import { openPostgres, type Postgres } from './open-postgres.ts'
import { createTestDatabase } from './test-database.ts'

const server = usePostgres()
let postgres: Postgres
const deep = '['.repeat(20_000) + ']'.repeat(20_000)

beforeAll(async () => {
  postgres = await openPostgres({ url: await createTestDatabase(server.url) })
  // 40 entries in turn on two streams; of type `odd` and `even`; the first four failed, the last three pending.
  for (let n = 1; n <= 40; n++) await postgres.audit.record([fact(n)])
})
afterAll(() => postgres.close())

function fact(n: number): AuditFact {
  const stream = n % 4 < 2 ? 'left' : 'right'
  const data = n === 40 ? deep : JSON.stringify({ n, userId: n === 38 ? 7 : `user-${n}` })
  const entry = { position: `${n}-0`, fields: ['type', n % 2 ? 'odd' : 'even', 'data', data] }
  const state = n <= 4 ? 'failed' : n > 37 ? 'pending' : 'processed'
  const event = decodeEntry(stream, entry)
  const error = state === 'failed' ? { error: `Error: ${n}` } : {}
  return { stream, entry, event, group: 'g', consumer: 'c', state, main: true, ...error }
}

const list = async (page: Partial<Parameters<Postgres['events']['list']>[0]> = {}) => {
  const { events, total } = await postgres.events.list({ limit: 100, offset: 0, ...page })
  return { positions: events.map(({ streamId }) => Number.parseInt(streamId, 10)), total }
}
const range = (from: number, to: number, keep: (n: number) => boolean = () => true) =>
  Array.from({ length: from - to + 1 }, (_, index) => from - index).filter(keep)

it('lists the newest first, page by page', async () => {
  expect(await list()).toEqual({ positions: range(40, 1), total: 40 })
  const pages = []
  for (let offset = 0; offset < 45; offset += 15) pages.push(await list({ limit: 15, offset }))
  expect(pages.flatMap(({ positions }) => positions)).toEqual(range(40, 1))
  expect(await list({ offset: 40 })).toEqual({ positions: [], total: 40 })
})

it.each([
  [{ eventType: 'odd' }, (n: number) => n % 2 === 1],
  [{ streamName: 'left' }, (n: number) => n % 4 < 2],
  [{ userId: 'user-7' }, (n: number) => n === 7],
  [{ userId: 'user-7', processed: false }, () => false],
  [{ userId: '7' }, () => false],
  [{ processed: true }, (n: number) => n > 4 && n <= 37],
  [{ processed: false }, (n: number) => n <= 4 || n > 37],
  [{ processed: true, eventType: 'even' }, (n: number) => n > 4 && n <= 37 && n % 2 === 0],
  [{ processed: false, eventType: 'odd', streamName: 'left' }, (n: number) => n === 1],
  [{ eventType: `'; DROP TABLE millrace_audit; --\0` }, () => false],
])('filters, and counts what fits: %j', async (filter, keep) => {
  const expected = range(40, 1, keep)
  expect(await list(filter)).toEqual({ positions: expected, total: expected.length })
  expect(await list({ ...filter, limit: 2, offset: 1 })).toEqual({
    positions: expected.slice(1, 3),
    total: expected.length,
  })
})

it('shows a row as the API does', async () => {
  const { events } = await postgres.events.list({ limit: 40, offset: 0 })
  const [forty, , thirtyEight, thirtySeven] = events
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/)
  expect(thirtySeven).toEqual({
    id: expect.stringMatching(/^\d+$/),
    streamId: '37-0',
    streamName: 'left',
    eventType: 'odd',
    payload: { n: 37, userId: 'user-37' },
    processed: true,
    processedAt: time,
    consumerId: 'c',
    userId: 'user-37',
    error: null,
    createdAt: time,
  })
  const nothingYet = { processed: false, processedAt: null, consumerId: null }
  expect(thirtyEight).toMatchObject({ ...nothingYet, userId: null })
  expect(forty).toMatchObject({ ...nothingYet, payload: deep })
  expect(events.at(-1)).toMatchObject({ processed: false, processedAt: time, error: 'Error: 1' })
})

it('counts', async () => {
  expect(await postgres.events.stats()).toEqual({
    total: 40,
    processed: 33,
    pending: 3,
    errors: 4,
    eventTypes: [
      { eventType: 'even', count: 20 },
      { eventType: 'odd', count: 20 },
    ],
  })
})

it('finds what concerns one user in the index for it', async () => {
  const plan = await postgres.transaction(async (tx) => {
    await tx.query('SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off')
    await tx.query('ANALYZE millrace_audit')
    return tx.query(`EXPLAIN SELECT id FROM millrace_audit WHERE user_id = 'user-7' ORDER BY id DESC LIMIT 5`)
  })
  expect(JSON.stringify(plan.rows)).toContain('millrace_audit_by_user')
})
