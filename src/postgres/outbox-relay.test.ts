import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { useDatabase, usePostgres } from '../../test/support/use-postgres.ts'
import { useLog, useRedisServer } from '../../test/support/use-redis.ts'
import { MillraceError } from '../core/errors.ts'
import { noLog } from '../core/service.ts'
import type { StreamLog } from '../core/stream-log.ts'
import { openConnection } from '../redis/connections/servers.ts'
import { MemoryStreamLog } from '../testing/memory-log.ts'
import { Database } from './database.ts'
import { Outbox } from './outbox.ts'
import { OutboxRelay } from './outbox-relay.ts'
import type { RelayOptions } from './relay-options.ts'
import { runTransaction } from './run-transaction.ts'
import { queryOnce } from './test-database.ts'
import { gate } from './test-inbox.ts'
import { addNumbers, byKey, numbers, outboxRows, publishedIn } from './test-outbox.ts'

const server = usePostgres()
const redis = useRedisServer()
const log = useLog(redis)
const fresh = useDatabase(server)
let url: string
let database: Database
let outbox: Outbox
let relays: OutboxRelay[]
let round = 0
let target = numbers()
beforeEach(() => {
  ;({ url, database } = fresh)
  outbox = new Outbox(database)
  relays = []
  target = numbers(`numbers-${++round}`)
})
afterEach(() => Promise.all(relays.map((relay) => relay.stop(1_000))))

async function startRelay(to: StreamLog = log, options: RelayOptions = {}, messages = noLog) {
  const relay = new OutboxRelay(database, to, { ...options, log: messages })
  relays.push(relay)
  await relay.start()
  return relay
}
const add = (...events: Parameters<typeof addNumbers>[3]) => addNumbers(database, outbox, target, events)
const rows = () => outboxRows(url)
const published = (to: StreamLog = log) => publishedIn(to, target.name)
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 })
const untilOnly = (count: number) => eventually(async () => (await rows()).length).toBe(count)
const untilEmpty = () => untilOnly(0)

/** A log that does something else where a test wants it to. */
const logWith = (append: StreamLog['append']): StreamLog =>
  new Proxy<StreamLog>(log, {
    get: (inner, name) => {
      if (name === 'append') return append
      const value = Reflect.get(inner, name) as unknown
      return typeof value === 'function' ? value.bind(inner) : value
    },
  })

describe('the relay', () => {
  it('publishes what was committed, at once, and answers where it stands', async () => {
    const relay = await startRelay(log, { pollMs: 600_000 })
    const ids = await add({ data: 1, key: 'a' }, { data: 2 })
    const positions = await Promise.all(ids.map((id) => relay.published(id, 10_000)))
    expect(await published()).toEqual(
      expect.arrayContaining([
        { id: ids[0], key: 'a', data: 1, position: positions[0] },
        { id: ids[1], key: undefined, data: 2, position: positions[1] },
      ]),
    )
    await untilEmpty()
    expect(await relay.published(ids[0]!, 0)).toBe(positions[0])
    expect(await relay.published('unknown', 1)).toBe(null)
    expect(relay.status.published).toBe(2)
  })

  it('publishes nothing of what is rolled back or not committed yet', async () => {
    await startRelay()
    const [holding, added] = [gate(), gate()]
    const open = runTransaction(database, async (tx) => {
      await outbox.add(tx, target, [{ type: 'number', data: 1 }])
      added.open()
      await holding.opened
    })
    await added.opened
    await expect(
      runTransaction(database, async (tx) => {
        await outbox.add(tx, target, [{ type: 'number', data: 2 }])
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    await add({ data: 3 })
    await untilEmpty()
    expect((await published()).map(({ data }) => data)).toEqual([3])
    holding.open()
    await open
    await eventually(async () => (await published()).map(({ data }) => data)).toEqual([3, 1])
  })

  it('finds what no word came of', async () => {
    await add({ data: 1 })
    await startRelay(log, { pollMs: 50 })
    await untilEmpty()
    await queryOnce(
      url,
      `INSERT INTO millrace_outbox (partition, stream, event_id, idempotency_key, fields, size)
       VALUES (0, $1, 'silent', 'silent', '["type","number","data","2"]', 10)`,
      [target.name],
    )
    await untilEmpty()
    expect((await published()).map(({ data }) => data)).toEqual([1, 2])
  })

  it('tells every process where an event stands, whichever relay published it', async () => {
    const publishing = await startRelay()
    const idle = new Database({ url })
    const other = new OutboxRelay(
      idle,
      logWith(() => new Promise(() => {})),
      { pollMs: 600_000 },
    )
    // It only listens: what it would publish stays with it for ever, so it must get nothing.
    vi.spyOn(idle, 'query').mockResolvedValue([])
    await other.start()
    const listening = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`
    await eventually(async () => (await queryOnce(url, listening)).length).toBeGreaterThanOrEqual(2)
    const ids = await add(...Array.from({ length: 300 }, (_, data) => ({ data })))
    const here = await Promise.all(ids.map((id) => publishing.published(id, 10_000)))
    expect(await Promise.all(ids.map((id) => other.published(id, 10_000)))).toEqual(here)
    await other.stop(1_000)
    await idle.close()
  })

  it('takes small transactions of all keys together, in one transaction of its own', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, data) => add({ data, key: `key-${data}` })))
    const own = new Database({ url })
    const begun = vi.spyOn(own, 'connect')
    const relay = new OutboxRelay(own, log)
    await relay.start()
    await untilEmpty()
    await relay.stop(1_000)
    await own.close()
    expect(await published()).toHaveLength(100)
    expect(begun).toHaveBeenCalledTimes(1)
  })

  it('answers where an event stands although its own transaction failed, and publishes it once', async () => {
    await database.query(`CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE 'no'; END $$ LANGUAGE plpgsql;
      CREATE TRIGGER refuse BEFORE DELETE ON millrace_outbox EXECUTE FUNCTION refuse()`)
    const relay = await startRelay(log, { pollMs: 20 })
    const [id] = await add({ data: 1, key: 'a' })
    const position = await relay.published(id!, 10_000)
    expect(await rows()).toHaveLength(1)
    await database.query('DROP TRIGGER refuse ON millrace_outbox')
    await untilEmpty()
    expect(await published()).toEqual([{ id, key: 'a', data: 1, position }])
  })

  it('keeps no stream waiting for one that does not answer', async () => {
    const other = numbers(`${target.name}-silent`)
    await addNumbers(database, outbox, other, [{ data: 0, key: 'a' }])
    await add({ data: 1, key: 'a' }, { data: 2, key: 'a' })
    const silent: StreamLog['append'] = (name, entries) =>
      name === other.name ? new Promise(() => {}) : log.append(name, entries)
    const relay = await startRelay(logWith(silent))
    await eventually(async () => (await published()).map(({ data }) => data)).toEqual([1, 2])
    await relay.stop(0)
    expect(await rows()).not.toHaveLength(0)
  })

  it('stops in time although the log answers nothing, and leaves the rows', async () => {
    const asked = gate()
    const relay = await startRelay(
      logWith(() => {
        asked.open()
        return new Promise(() => {})
      }),
    )
    await add({ data: 1 })
    await asked.opened
    const start = performance.now()
    await Promise.all([relay.stop(100), relay.stop(100)])
    expect(performance.now() - start).toBeLessThan(3_000)
    expect(await rows()).toHaveLength(1)
    await expect(relay.start()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('refuses numbers that make no sense, all of them at once', () => {
    const make = () => new OutboxRelay(database, log, { pollMs: 0, concurrency: 1.5 })
    expect(make).toThrow(/pollMs: must be.*concurrency: must be/)
  })
})

describe('order by key', () => {
  const KEYS = 50
  const COUNT = 5_000
  const events = Array.from({ length: COUNT }, (_, data) => ({ data, key: `key-${data % KEYS}` }))
  const expected = new Map(
    Array.from({ length: KEYS }, (_, n) => [
      `key-${n}`,
      events.filter(({ key }) => key === `key-${n}`).map(({ data }) => data),
    ]),
  )

  it('stands with two relays on 5,000 events of 50 keys, each published once', async () => {
    for (let from = 0; from < COUNT; from += 1_000) await add(...events.slice(from, from + 1_000))
    const both = [await startRelay(), await startRelay()]
    await untilEmpty()
    expect(byKey(await published())).toEqual(expected)
    for (const relay of both) expect(relay.status.published).toBeGreaterThan(0)
  })

  it('stands while events are added, relays come and go, and their connections break', async () => {
    const over = new AbortController()
    const churn = async () => {
      while (!over.signal.aborted) {
        const relay = await startRelay(log, { batchSize: 20 })
        await eventually(() => relay.status.published > 60 || over.signal.aborted).toBe(true)
        await queryOnce(
          url,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name = 'millrace' AND state <> 'idle'
             AND query LIKE '%millrace_outbox%' AND query NOT LIKE '%INSERT%'`,
        )
        await relay.stop(0)
      }
    }
    const churning = [churn(), churn()]
    for (let from = 0; from < COUNT; from += 50) await add(...events.slice(from, from + 50))
    await untilEmpty()
    over.abort()
    await Promise.all(churning)
    expect(byKey(await published())).toEqual(expected)
  })

  it('stands where the log writes some entries later than others, or says that it does not know', async () => {
    let calls = 0
    const uncertain = new MillraceError('PUBLISH_UNCERTAIN', 'the reply was lost')
    await startRelay(
      logWith(async (stream, entries) => {
        const results = await Promise.all(
          entries.map(async (entry) => {
            const turn = ++calls % 20
            // Written or not, and nobody knows.
            if (turn === 1) return uncertain
            const [result] = await log.append(stream, [entry])
            return turn === 2 ? uncertain : result!
          }),
        )
        return results
      }),
      { batchSize: 100 },
    )
    const some = events.slice(0, 300)
    await add(...some)
    await untilEmpty()
    for (const [key, numbersOfKey] of byKey(await published())) {
      expect(numbersOfKey).toEqual(some.filter((event) => event.key === key).map(({ data }) => data))
    }
  })

  it('is that of adding for transactions that lock a row first, although they overlap', async () => {
    await database.query(
      'CREATE TABLE accounts (id int PRIMARY KEY, version int); INSERT INTO accounts VALUES (1, 0)',
    )
    await startRelay()
    const change = () =>
      runTransaction(database, async (tx) => {
        const { rows } = await tx.query<{ version: number }>(
          'UPDATE accounts SET version = version + 1 WHERE id = 1 RETURNING version',
        )
        await outbox.add(tx, target, [{ type: 'number', data: rows[0]!.version, key: '1' }])
      })
    await Promise.all(Array.from({ length: 200 }, change))
    await untilEmpty()
    expect((await published()).map(({ data }) => data)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1))
  })
})

describe('an event that can not be published', () => {
  const refusing = (refused: number, error: MillraceError) =>
    logWith((stream, entries) =>
      Promise.all(
        entries.map(async (entry) => {
          if (entry.fields.includes(String(refused))) return error
          return (await log.append(stream, [entry]))[0]!
        }),
      ),
    )
  const tooLarge = new MillraceError('EVENT_TOO_LARGE', 'too large for postgres://me:secret@host')

  it('holds up its key alone, is given up loudly, and lets its key go on', async () => {
    const errors = vi.fn()
    const options = { maxAttempts: 3, retryDelayMs: 100, pollMs: 20 }
    await startRelay(refusing(1, tooLarge), options, { ...noLog, error: errors })
    const ids = await add(
      { data: 10, key: 'a' },
      { data: 1, key: 'a' },
      { data: 11, key: 'a' },
      { data: 20, key: 'b' },
      { data: 30 },
    )
    await eventually(async () => (await published()).length).toBe(4)
    await eventually(async () => (await rows()).length).toBe(1)
    const keys = byKey(await published())
    expect([keys.get('a'), keys.get('b')]).toEqual([[10, 11], [20]])
    expect((await published()).at(-1)!.data).toBe(11)
    expect(await outbox.failed()).toMatchObject([
      { eventId: ids[1], attempts: 3, error: 'too large for postgres://me:****@host' },
    ])
    expect(errors).toHaveBeenCalledTimes(1)
    expect(errors.mock.calls[0]).toEqual([
      expect.objectContaining({ eventId: ids[1], stream: target.name }),
      expect.stringContaining('given up'),
    ])
    expect(await outbox.status()).toMatchObject({ waiting: 0, failed: 1 })
  })

  it('is not overtaken by its key while it waits, also by what comes later and by other relays', async () => {
    let mended = false
    const append: StreamLog['append'] = async (stream, entries) => {
      if (mended) return log.append(stream, entries)
      return refusing(1, tooLarge).append(stream, entries)
    }
    await Promise.all([1, 2, 3].map(() => startRelay(logWith(append), { retryDelayMs: 300, pollMs: 20 })))
    await add({ data: 1, key: 'a' }, { data: 2, key: 'a' })
    await eventually(async () => (await rows())[0]?.attempts).toBeGreaterThan(0)
    await add({ data: 3, key: 'a' }, { data: 4, key: 'b' })
    await eventually(async () => (await published()).map(({ data }) => data)).toEqual([4])
    mended = true
    await untilEmpty()
    expect(byKey(await published()).get('a')).toEqual([1, 2, 3])
  })

  it('is published when it is retried after the cause was mended', async () => {
    const control = await openConnection({ url: redis.url }, 'control')
    await control.send(['SET', target.name, 'no stream'])
    const relay = await startRelay(log, { maxAttempts: 2, retryDelayMs: 10, pollMs: 20 })
    const [id] = await add({ data: 1, key: 'a' })
    await eventually(async () => (await outbox.failed()).length).toBe(1)
    const [failed] = await outbox.failed()
    expect(failed!.error).toMatch(/something else than a stream/)
    await control.send(['DEL', target.name])
    await control.close()
    await outbox.retry([failed!.id])
    expect(await relay.published(id!, 10_000)).toMatch(/^\d+-\d+$/)
  })

  it('takes no other down with it: where one spoils a batch, all travel alone the next time', async () => {
    const spoiled = new MillraceError('REDIS_REFUSED', 'Redis refused: WRONGTYPE', {
      cause: new Error('WRONGTYPE the idempotency key holds a hash'),
    })
    const spoiling = logWith(async (stream, entries) => {
      if (entries.some(({ fields }) => fields[3] === '1')) return entries.map(() => spoiled)
      return log.append(stream, entries)
    })
    await startRelay(spoiling, { maxAttempts: 3, retryDelayMs: 10, pollMs: 20 })
    await add(...Array.from({ length: 50 }, (_, data) => ({ data })))
    await eventually(async () => (await outbox.failed()).length).toBe(1)
    await untilOnly(1)
    expect((await published()).map(({ data }) => data).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, data) => data).filter((data) => data !== 1),
    )
  })

  it('is one that somebody else wrote as well, with fields that are none', async () => {
    await queryOnce(
      url,
      `INSERT INTO millrace_outbox (partition, stream, event_id, idempotency_key, fields, size)
       VALUES (0, $1, 'garbage', 'garbage', 'no JSON', 7)`,
      [target.name],
    )
    await add(...Array.from({ length: 50 }, (_, data) => ({ data, key: `key-${data}` })))
    await startRelay(log, { maxAttempts: 2, retryDelayMs: 10, pollMs: 20 })
    await untilOnly(1)
    await eventually(async () => (await outbox.failed()).map(({ eventId }) => eventId)).toEqual(['garbage'])
    expect(await published()).toHaveLength(50)
  })

  it('goes to any StreamLog', async () => {
    const memory = new MemoryStreamLog()
    await startRelay(memory)
    await add({ data: 1, key: 'a' }, { data: 2, key: 'a' })
    await untilEmpty()
    expect((await published(memory)).map(({ data }) => data)).toEqual([1, 2])
  })
})
