import { Client, Pool } from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import { useDatabase, usePostgres } from '../../test/support/use-postgres.ts'
import type { Database } from './database.ts'
import { Outbox } from './outbox.ts'
import { runTransaction } from './run-transaction.ts'
import { queryOnce } from './test-database.ts'
import { addNumbers, numbers, outboxRows } from './test-outbox.ts'

const server = usePostgres()
const fresh = useDatabase(server)
let url: string
let database: Database
let outbox: Outbox
beforeEach(() => {
  ;({ url, database } = fresh)
  outbox = new Outbox(database)
})

const target = numbers()
const rows = () => outboxRows(url)
const fieldsOf = async () =>
  (await queryOnce<{ fields: string }>(url, 'SELECT fields FROM millrace_outbox ORDER BY id')).map(
    ({ fields }) => JSON.parse(fields) as string[],
  )

describe('add', () => {
  it('is part of the transaction: there when it commits, gone when it rolls back', async () => {
    const client = new Client(url)
    await client.connect()
    await client.query('BEGIN')
    const ids = await outbox.add(client, target, [
      { type: 'number', data: 1 },
      { type: 'number', data: 2, key: 'k', id: 'mine' },
    ])
    expect(await rows()).toEqual([])
    await client.query('COMMIT')
    expect(ids).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), 'mine'])
    expect((await rows()).map(({ event_id, key }) => [event_id, key])).toEqual([
      [ids[0], null],
      ['mine', 'k'],
    ])
    await client.query('BEGIN')
    await outbox.add(client, target, [{ type: 'number', data: 3 }])
    await client.query('ROLLBACK')
    await client.end()
    expect(await rows()).toHaveLength(2)
  })

  it('keeps the id and the time that the event has now, and every character of it', async () => {
    const before = new Date().toISOString()
    const note = 'NUL \0 "{}" \u{1f680} ÿ'
    const [id] = await runTransaction(database, (tx) =>
      outbox.add(tx, target, [
        { type: 'number', data: 1, headers: { note } },
        { type: 'number', data: 2, id: 'b', time: '2020-01-01T00:00:00Z' },
        { type: 'number', data: 3, id: 'c' },
      ]),
    )
    const [first, second, third] = await fieldsOf()
    expect(first).toEqual(
      `type number data 1 id ${id} time`.split(' ').concat([expect.any(String), 'note', note]),
    )
    expect(first![7]! >= before).toBe(true)
    expect(second).toContain('2020-01-01T00:00:00Z')
    expect(third).toEqual('type number data 3 id c'.split(' '))
  })

  it.each([
    ['data that does not fit its schema', { type: 'number', data: 1.5 }, 'EVENT_INVALID'],
    ['a type that is not declared', { type: 'other', data: 1 }, 'EVENT_INVALID'],
    ['a key with control characters', { type: 'number', data: 1, key: 'a\0' }, 'NAME_INVALID'],
    ['a time that is none', { type: 'number', data: 1, time: 'soon' }, 'EVENT_INVALID'],
    [
      'a header that is too long',
      { type: 'number', data: 1, headers: { x: 'x'.repeat(2e6) } },
      'EVENT_TOO_LARGE',
    ],
  ])('refuses %s, and adds nothing', async (_, event, code) => {
    const adding = runTransaction(database, (tx) =>
      outbox.add(tx, target, [{ type: 'number', data: 1 }, event as { type: 'number'; data: number }]),
    )
    await expect(adding).rejects.toMatchObject({ code })
    expect(await rows()).toEqual([])
  })

  it('refuses a pool, and a client without a transaction', async () => {
    const pool = new Pool({ connectionString: url })
    const client = await pool.connect()
    for (const outside of [pool, client]) {
      const adding = outbox.add(outside, target, [{ type: 'number', data: 1 }])
      await expect(adding).rejects.toThrow(/on which you sent BEGIN/)
    }
    client.release()
    await pool.end()
    expect(await rows()).toEqual([])
  })

  it('takes the transaction of another library by a line around it', async () => {
    await database.session(async (query) => {
      await query('BEGIN')
      const client = {
        query: async (text: string, values?: unknown[]) => ({ rows: await query(text, values) }),
      }
      await outbox.add(client, target, [{ type: 'number', data: 1 }])
      await query('COMMIT')
    })
    expect(await rows()).toHaveLength(1)
  })

  it('keeps the order of a call, and puts a key always at one place', async () => {
    const events = Array.from({ length: 2_000 }, (_, data) => ({ data, key: `k${data % 10}` }))
    const ids = await addNumbers(database, outbox, target, events)
    expect((await rows()).map(({ event_id }) => event_id)).toEqual(ids)
    const places = await queryOnce(url, 'SELECT DISTINCT key, partition FROM millrace_outbox')
    expect(places).toHaveLength(10)
    // For ever: with another place two versions could publish one key at the same time.
    expect(await queryOnce(url, `SELECT DISTINCT partition FROM millrace_outbox WHERE key = 'k1'`)).toEqual([
      { partition: 13 },
    ])
  })

  it('adds nothing for nothing', async () => {
    expect(await addNumbers(database, outbox, target, [])).toEqual([])
  })
})

describe('its keeper', () => {
  const fail = (ids: readonly string[]) =>
    queryOnce(
      url,
      `UPDATE millrace_outbox SET failed_at = now(), attempts = 10, error = 'no' WHERE event_id = ANY($1)`,
      [[...ids]],
    )

  it('knows how many wait, for how long, and how many were given up', async () => {
    expect(await outbox.status()).toEqual({ waiting: 0, oldestAgeMs: 0, failed: 0 })
    expect(await outbox.oldestAgeMs()).toBe(0)
    const [first] = await addNumbers(database, outbox, target, [{ data: 1 }, { data: 2 }, { data: 3 }])
    await fail([first!])
    await queryOnce(url, `UPDATE millrace_outbox SET created_at = now() - interval '1 minute' WHERE id = 2`)
    const { oldestAgeMs, ...counts } = await outbox.status()
    expect(counts).toEqual({ waiting: 2, failed: 1 })
    expect(oldestAgeMs).toBeGreaterThanOrEqual(60_000)
    expect(oldestAgeMs).toBeLessThan(600_000)
    expect(Math.abs((await outbox.oldestAgeMs()) - oldestAgeMs)).toBeLessThan(60_000)
  })

  it('lists what was given up in pages, retries and discards it, and nothing else', async () => {
    const ids = await addNumbers(
      database,
      outbox,
      target,
      [1, 2, 3, 4].map((data) => ({ data, key: 'k' })),
    )
    await fail(ids.slice(0, 3))
    const [one, ...others] = await outbox.failed()
    expect(one).toMatchObject({ eventId: ids[0], stream: 'numbers', key: 'k', attempts: 10, error: 'no' })
    expect(new Date(one!.failedAt).getTime()).toBeGreaterThanOrEqual(new Date(one!.createdAt).getTime())
    expect(others.map(({ eventId }) => eventId)).toEqual(ids.slice(1, 3))
    expect(await outbox.failed({ limit: 1, after: one!.id })).toEqual([others[0]])
    const all = (await rows()).map(({ id }) => id)
    expect(await outbox.retry([all[0]!, all[3]!, '999'])).toBe(1)
    expect(await outbox.discard([all[0]!, all[1]!, all[3]!])).toBe(1)
    expect((await rows()).map(({ id, attempts }) => [id, attempts])).toEqual([
      [all[0], 0],
      [all[2], 10],
      [all[3], 0],
    ])
  })
})
