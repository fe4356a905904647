import { expect, it, vi } from 'vitest'
import { usePostgres } from '../../test/support/use-postgres.ts'
import { dispatch } from '../bus/dispatch.ts'
import type { Handlers } from '../bus/handlers.ts'
import { MemoryStreamLog } from '../testing/memory-log.ts'
import { openPostgres } from './open-postgres.ts'
import { entryOf, factOf } from './test-audit.ts'
import { createTestDatabase, queryOnce } from './test-database.ts'
import { deliveryOf } from './test-inbox.ts'
import { numbers, publishedIn, type Numbers } from './test-outbox.ts'

const server = usePostgres()

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

it('takes an event from one inbox through the outbox to a stream, and ends the relay with the rest', async () => {
  const url = await createTestDatabase(server.url)
  const { inbox, outbox, relay, close } = await openPostgres({ url, maxConnections: 1 })
  const log = new MemoryStreamLog()
  const relaying = relay(log)
  await relaying.start()
  const ids: string[] = []
  const handler = inbox.handler(async ({ position }, tx) => {
    ids.push(...(await outbox.add(tx, numbers(), [{ type: 'number', data: 1, key: position }])))
  })
  for (let times = 0; times < 3; times++) await handler(deliveryOf(entryOf('1-0')))
  const position = await relaying.published(ids[0]!, 20_000)
  expect(await publishedIn(log, 'numbers')).toEqual([{ id: ids[0], key: '1-0', data: 1, position }])
  await close()
  await expect.poll(() => connections(server.url)).toBe(0)
})

it('lets events of the outbox go through what a publisher would do to them', async () => {
  const url = await createTestDatabase(server.url)
  const { inbox, outbox, close } = await openPostgres({
    url,
    prepare: async (_, events) =>
      events.map((event) => ({ ...event, data: 'sealed', headers: { keyid: '1' } })),
  })
  const add = inbox.handler(
    async (_, tx) => void (await outbox.add(tx, numbers(), [{ type: 'number', data: 1 }])),
  )
  await add(deliveryOf(entryOf('1-0')))
  const [row] = await queryOnce<{ fields: string; event_id: string }>(url, 'SELECT * FROM millrace_outbox')
  const { event_id: id, fields } = row!
  expect(JSON.parse(fields)).toEqual(
    `type number data "sealed" id ${id} time`.split(' ').concat([expect.any(String), 'keyid', '1']),
  )
  await close()
})

it('gives a handler of the bus the data that its stream declares', async () => {
  const { inbox, close } = await openPostgres({ url: await createTestDatabase(server.url) })
  const seen: number[] = []
  const handlers: Handlers<Numbers['schemas']> = {
    number: inbox.handler(async ({ event }) => void seen.push(event.data)),
  }
  const entry = { position: '1-0', fields: ['type', 'number', 'data', '7'] }
  for (let times = 0; times < 2; times++) await dispatch(numbers(), handlers)(deliveryOf(entry))
  expect(seen).toEqual([7])
  await close()
})

it('refuses numbers that make no sense, all of them at once', async () => {
  const opening = openPostgres({ url: server.url, maxConnections: 0, inboxKeepMs: Number.NaN })
  await expect(opening).rejects.toThrow(/maxConnections: must be.*inboxKeepMs: must be/)
})
