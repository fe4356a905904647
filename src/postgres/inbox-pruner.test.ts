import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { usePostgres } from '../../test/support/use-postgres.ts'
import { noLog } from '../core/service.ts'
import { Database } from './database.ts'
import { InboxPruner } from './inbox-pruner.ts'
import { migrate } from './migrations.ts'
import { createTestDatabase, queryOnce } from './test-database.ts'

const server = usePostgres()
let url: string
let database: Database
beforeAll(async () => {
  url = await createTestDatabase(server.url)
  database = new Database({ url })
  await migrate(database)
})
afterAll(() => database.close())

const fill = (count: number, age: string) =>
  queryOnce(
    url,
    `INSERT INTO millrace_inbox
     SELECT 's', 'g', n || '-0', gen_random_uuid(), now() - $2::interval FROM generate_series(1, $1) AS n`,
    [count, age],
  )
const remaining = async () => (await queryOnce(url, 'SELECT FROM millrace_inbox')).length

it('forgets what is older, also if that is much and several do it at once', async () => {
  await fill(50_000, '2 hours')
  await fill(10, '10 minutes')
  const olderThan = new Date(Date.now() - 3_600_000)
  await Promise.all([1, 2].map(() => new InboxPruner(database, noLog).prune(olderThan)))
  expect(await remaining()).toBe(10)
})

it('forgets requests as well, of which nobody repeats any after so long', async () => {
  const insert = `INSERT INTO millrace_requests (key, digest, created_at) VALUES ($1, 'd', now() - $2::interval)`
  await queryOnce(url, insert, ['old', '2 days'])
  await queryOnce(url, insert, ['new', '1 hour'])
  await new InboxPruner(database, noLog).pruneRequests(new Date(Date.now() - 86_400_000))
  expect(await queryOnce(url, 'SELECT key FROM millrace_requests')).toEqual([{ key: 'new' }])
})

describe('by itself', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  it('keeps a week, and begins when what was pending at the start had its time', async () => {
    await fill(5, '8 days')
    await fill(5, '6 days')
    const before = await remaining()
    const pruner = new InboxPruner(database, noLog)
    await pruner.start()
    vi.advanceTimersByTime(599_000)
    expect(await remaining()).toBe(before)
    vi.advanceTimersByTime(1_000)
    vi.useRealTimers()
    await expect.poll(remaining).toBe(before - 5)
    await pruner.stop()
  })

  it('goes on living when the database does not answer', async () => {
    const broken = new Database({ url: 'postgres://127.0.0.1:1/nowhere' })
    const warnings: string[] = []
    const pruner = new InboxPruner(broken, { ...noLog, warn: (_, message) => warnings.push(message) })
    await pruner.start()
    vi.advanceTimersByTime(600_000)
    vi.useRealTimers()
    await expect.poll(() => warnings.length).toBe(1)
    await pruner.stop()
    await broken.close()
  })
})
