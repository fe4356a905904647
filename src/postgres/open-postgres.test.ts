import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { startTestPostgres, type TestServer } from '../engines/test-servers.ts'
import { openPostgres } from './open-postgres.ts'
import { entryOf, factOf } from './test-audit.ts'
import { createTestDatabase, queryOnce } from './test-database.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestPostgres()
})
afterAll(() => server.stop())

const connections = async (url: string) =>
  (await queryOnce(url, `SELECT FROM pg_stat_activity WHERE application_name = 'millrace'`)).length

it('starts several times at once on an empty database, and leaves no connection behind', async () => {
  const url = await createTestDatabase(server.url)
  const opened = await Promise.all(Array.from({ length: 8 }, () => openPostgres({ url })))
  await Promise.all(opened.map(({ ping }) => ping()))
  expect(await opened[0]!.events.stats()).toEqual({
    total: 0,
    processed: 0,
    pending: 0,
    errors: 0,
    eventTypes: [],
  })
  await Promise.all(opened.map(({ close }) => close()))
  await opened[0]!.close()
  await expect.poll(() => connections(server.url)).toBe(0)
  await expect(opened[0]!.ping()).rejects.toMatchObject({ code: 'CLOSED' })
})

it('fails where the database can not be had, and may be tried again', async () => {
  const url = await createTestDatabase(server.url)
  const { pathname } = new URL(url)
  await queryOnce(server.url, `DROP DATABASE ${pathname.slice(1)}`)
  await expect(openPostgres({ url })).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
  await queryOnce(server.url, `CREATE DATABASE ${pathname.slice(1)}`)
  const postgres = await openPostgres({ url })
  await postgres.close()
})

it('writes what it was told before it closes, and leaves no timer running', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const { audit, close } = await openPostgres({ url: await createTestDatabase(server.url) })
    expect(vi.getTimerCount()).toBe(1)
    const told = audit.record(Array.from({ length: 10_000 }, (_, n) => factOf(entryOf(`${n}-0`))))
    await Promise.all([close(), told])
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})
