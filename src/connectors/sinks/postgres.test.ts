import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { useSinkRuns } from '../../../test/support/sink-runs.ts'
import { failureOf, until } from '../../../test/support/until.ts'
import { usePostgres } from '../../../test/support/use-postgres.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import { Lab } from '../../../test/support/worker-lab.ts'
import { noLog } from '../../core/service.ts'
import type { SinkContext } from '../../core/sink.ts'
import { TableWriter } from '../../postgres/table/table-writer.ts'
import { createTestDatabase, queryOnce } from '../../postgres/test-database.ts'
import { MemoryStreamLog } from '../../testing/memory-log.ts'
import type { SinkPipelineOptions } from '../pipeline.ts'
import { postgresSink, type PostgresSinkOptions } from './postgres.ts'

const server = usePostgres()
const proxy = useProxy(server)
let lab: Lab
let url: string

beforeEach(async () => {
  lab = new Lab(new MemoryStreamLog())
  url = await createTestDatabase(server.url)
  await ask('CREATE TABLE facts (n int UNIQUE, at timestamptz, kind text, raw jsonb, tenant text)')
})
afterEach(async () => {
  await lab.close()
})

const contextOf = (signal: AbortSignal): SinkContext => ({
  name: 'facts',
  streams: [lab.stream],
  source: lab.log,
  log: noLog,
  signal,
})
const ask = <Row extends object>(text: string) => queryOnce<Row>(url, text)
const COLUMNS = { n: 'data', at: 'time', kind: 'type', raw: 'data', tenant: 'headers.tenant' } as const

const runs = useSinkRuns()
const run = (options: Partial<PostgresSinkOptions> = {}, more: Partial<SinkPipelineOptions> = {}) =>
  runs(lab.log, 'facts', {
    from: lab.stream,
    to: postgresSink({ url, table: 'facts', columns: COLUMNS, ...options }),
    ...more,
  })

const numbers = async () => (await ask<{ n: number }>('SELECT n FROM facts ORDER BY n')).map(({ n }) => n)
const upTo = (count: number) => Array.from({ length: count }, (_, number) => number)

test('a column that holds the data has them as they were published: numbers of whatever size', async () => {
  const data = ['{"wei":12345678901234567890,"rate":1.10}', '18446744073709551617', 'null']
  await lab.publish(3, (n) => ['type', 't', 'data', data[n]!])
  await ask('CREATE TABLE wide (raw jsonb, position text, again text)')
  const pipe = await run({ table: 'wide', columns: { raw: 'data', position: 'position', again: 'data' } })
  await until('the rows', () => pipe.status.written === 3)
  const rows = await ask<{ raw: string; again: string }>(
    'SELECT raw::text, again FROM wide ORDER BY position',
  )
  expect(rows.map(({ raw }) => raw)).toEqual(['{"wei": 12345678901234567890, "rate": 1.10}', data[1], null])
  expect(rows[1]!.again).toBe(data[1])
})

test('events become rows of the types of the table', async () => {
  const [position] = await lab.publish(1, () => [
    'type',
    'measured',
    'data',
    '{"device":"a","v":[1,2],"when":"2026-01-28T10:00:00+02:00","n":"7"}',
    'tenant',
    'acme',
    'partitionkey',
    'k',
  ])
  await ask('CREATE SCHEMA "odd one"')
  await ask(`CREATE TABLE "odd one"."a table" (id text, "a ""column" text, v int[], at timestamptz, n numeric, key text,
    source text, stream text, tenant text, part jsonb, missing text, serial bigint GENERATED ALWAYS AS IDENTITY)`)
  const columns = {
    id: 'id',
    'a "column': 'data.device',
    v: 'data.v',
    at: 'data.when',
    n: 'data.n',
    key: 'key',
    source: 'source',
    stream: 'stream',
    tenant: 'headers.tenant',
    part: 'data',
    missing: 'data.__proto__.x',
  } as const
  const pipe = await run({ table: 'odd one.a table', columns })
  await until('the row', () => pipe.status.written === 1)
  const [row] = await ask('SELECT *, at::text AS at FROM "odd one"."a table"')
  expect(row).toMatchObject({
    id: position,
    'a "column': 'a',
    v: [1, 2],
    n: '7',
    key: 'k',
    source: lab.stream,
    stream: lab.stream,
    tenant: 'acme',
    part: { device: 'a' },
    missing: null,
    serial: '1',
  })
  expect(new Date((row as { at: string }).at).toISOString()).toBe('2026-01-28T08:00:00.000Z')
})

test('a bad row is halved out of its batch, and the others stand once', async () => {
  await ask('ALTER TABLE facts ADD CONSTRAINT no_seven CHECK (n <> 7)')
  await lab.publish(200, (number) => ['type', 't', 'data', number === 100 ? '"a\\u0000b"' : String(number)])
  const pipe = await run({}, { retry: { attempts: 2, delayMs: 1 }, batch: { size: 200, waitMs: 100 } })
  await until('the letters', async () => (await lab.letters()).length === 2)
  await until('the rows', () => pipe.status.written === 198)
  expect(await numbers()).toEqual(upTo(200).filter((n) => n !== 7 && n !== 100))
  const reasons = (await lab.letters()).map((letter) => [
    letter['deadletter-error'],
    letter['deadletter-reason'],
  ])
  expect(reasons).toContainEqual(['SINK_REFUSED', expect.stringMatching(/no_seven/)])
})

test('a reply that was lost, and a group that begins anew, write no row twice', async () => {
  await ask('ALTER TABLE facts DROP CONSTRAINT facts_n_key')
  await lab.publish(300)
  const through = new URL(url)
  through.port = String(proxy.port)
  let dropped = 0
  const first = await run({ url: through.href })
  await until('some rows', () => first.status.written > 0)
  await first.stop(2_000)
  const losing = proxy.dropReplies((bytes) => bytes.includes('millrace_sink_ledger'))
  const again = await run({ url: through.href }, { group: 'another' })
  await until('a lost reply', () => (dropped = losing.count) > 0)
  proxy.pass()
  await until('all', () => again.status.written === 300)
  expect(await numbers()).toEqual(upTo(300))
  expect(dropped).toBeGreaterThan(0)
})

test('with a key a row takes the place of an earlier one, also within a batch', async () => {
  await ask('CREATE TABLE states (device text PRIMARY KEY, v int, kind text)')
  await lab.publish(50, (n) => [
    'type',
    't',
    'data',
    JSON.stringify({ device: `d${n % 3}`, v: n }),
    'partitionkey',
    `${n % 3}`,
  ])
  const columns = { device: 'data.device', v: 'data.v', kind: 'type' } as const
  const pipe = await run({ table: 'states', columns, key: ['device'] }, { batch: { size: 20, waitMs: 20 } })
  await until('all', () => pipe.status.written === 50)
  expect(await ask('SELECT device, v FROM states ORDER BY device')).toEqual([
    { device: 'd0', v: 48 },
    { device: 'd1', v: 49 },
    { device: 'd2', v: 47 },
  ])
})

test('a row without its key takes the place of none, and what is one key to PostgreSQL holds up nothing', async () => {
  await ask('CREATE TABLE states (device int UNIQUE, v int)')
  const devices = ['null', 'null', '1', '"1"', '1.0', '" 1"', '2', 'null']
  await lab.publish(devices.length, (n) => ['type', 't', 'data', `{"device":${devices[n]},"v":${n}}`])
  const columns = { device: 'data.device', v: 'data.v' } as const
  const pipe = await run({ table: 'states', columns, key: ['device'] }, { batch: { size: 8, waitMs: 200 } })
  await until('all', () => pipe.status.written === devices.length)
  expect(await ask('SELECT device, v FROM states ORDER BY device, v')).toEqual([
    { device: 1, v: 5 },
    { device: 2, v: 6 },
    { device: null, v: 0 },
    { device: null, v: 1 },
    { device: null, v: 7 },
  ])
})

test.each([
  ["RAISE 'no'", "RAISE EXCEPTION 'no'"],
  ['a state of its own', "RAISE EXCEPTION 'no' USING ERRCODE = 'UE001'"],
  ['ASSERT', 'ASSERT false'],
])('a row that a trigger refuses, by %s, is a dead letter, and holds up no other', async (_, refusal) => {
  await ask(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NEW.n = 3 THEN ${refusal}; END IF; RETURN NEW; END $$`)
  await ask('CREATE TRIGGER refusing BEFORE INSERT ON facts FOR EACH ROW EXECUTE FUNCTION refuse()')
  await lab.publish(10)
  const pipe = await run({}, { retry: { attempts: 2, delayMs: 1 }, batch: { size: 10, waitMs: 100 } })
  await until('the letter', async () => (await lab.letters()).length === 1)
  await until('the rows', () => pipe.status.written === 9)
  expect(await lab.letters()).toMatchObject([{ data: '3', 'deadletter-error': 'SINK_REFUSED' }])
})

test('another table gets every row, whatever was written to the first', async () => {
  await ask('CREATE TABLE others (n int)')
  await lab.publish(20)
  const first = await run()
  await until('the first table', () => first.status.written === 20)
  await first.stop(2_000)
  const other = await run({ table: 'others', columns: { n: 'data' } }, { group: 'another' })
  await until('the other one', () => other.status.written === 20)
  expect(await ask('SELECT n FROM others')).toHaveLength(20)
})

describe('a table that is not as it should be is told at once, and nothing is a dead letter:', () => {
  test.each<[string, Partial<PostgresSinkOptions>, RegExp]>([
    ['no such table', { table: 'nowhere' }, /relation "nowhere" does not exist/],
    ['no such column', { columns: { nothing: 'id' } }, /column .*nothing.* does not exist/],
    ['no unique key', { key: ['kind'] }, /no unique or exclusion constraint/],
  ])('%s', async (_, options, message) => {
    await lab.publish(1)
    const pipe = await run(options)
    await until('the refusal', () => pipe.status.state === 'failed')
    expect(pipe.status.lastError?.message).toMatch(message)
    expect(await lab.letters()).toEqual([])
  })

  test('it is dropped while it is written to', async () => {
    await lab.publish(1)
    const pipe = await run()
    await until('a row', () => pipe.status.written === 1)
    await ask('ALTER TABLE facts RENAME TO other')
    await lab.publish(2)
    await until('the refusal', () => pipe.status.state === 'failed')
    await ask('ALTER TABLE other RENAME TO facts')
    await ask('DELETE FROM facts')
    await pipe.restart(1_000)
    await until('the others', async () => (await numbers()).length === 2)
    expect(await lab.letters()).toEqual([])
  })
})

test('a ledger that was dropped is made anew by a restart, and no row is lost or a dead letter', async () => {
  await lab.publish(1)
  const pipe = await run()
  await until('a row', () => pipe.status.written === 1)
  await ask('DROP TABLE millrace_sink_ledger')
  await lab.publish(1, () => ['type', 't', 'data', '1'])
  await until('the refusal', () => pipe.status.state === 'failed')
  expect(pipe.status.lastError?.message).toContain('"millrace_sink_ledger" does not exist')
  await pipe.restart(1_000)
  await until('the other', () => pipe.status.written === 2)
  expect([await numbers(), await lab.letters()]).toEqual([[0, 1], []])
})

test('a user who may make no tables writes, once the ledger is there', async () => {
  const user = `writer_${randomBytes(4).toString('hex')}`
  await ask(`CREATE ROLE ${user} LOGIN PASSWORD 'x'`)
  await ask(`GRANT INSERT ON facts TO ${user}`)
  const own = Object.assign(new URL(url), { username: user, password: 'x' }).href
  await lab.publish(1)
  const pipe = await run({ url: own })
  await until('the refusal', () => pipe.status.state === 'failed')
  expect(pipe.status.lastError?.message).toContain('permission denied for schema public')
  const owner = await run()
  await until('the ledger', () => owner.status.written === 1)
  await owner.stop(2_000)
  await ask(`GRANT SELECT, INSERT, DELETE ON millrace_sink_ledger TO ${user}`)
  await pipe.restart(1_000)
  await lab.publish(1, () => ['type', 't', 'data', '1'])
  await until('the rows', async () => (await numbers()).length === 2)
  expect(await lab.letters()).toEqual([])
})

describe('old identities are forgotten', () => {
  const { signal } = new AbortController()
  const known = async () =>
    (await ask<{ identity: string }>('SELECT identity FROM millrace_sink_ledger')).map(
      ({ identity }) => identity,
    )
  let writer: TableWriter
  let errors: Error[]

  /** By a user who has the rights on the ledger that the manual names; it has written `old`, two hours ago. */
  beforeEach(async () => {
    const user = `writer_${randomBytes(4).toString('hex')}`
    await ask(`CREATE ROLE ${user} LOGIN PASSWORD 'x'`)
    errors = []
    const options = { table: 'facts', columns: ['n'], key: [], ledger: 'facts', rememberMs: 3_600_000 }
    const onError = (error: Error) => void errors.push(error)
    const owner = new TableWriter({ ...options, url, maxConnections: 1, onError })
    await owner.open()
    await owner.close()
    await ask(`GRANT INSERT ON facts TO ${user}`)
    await ask(`GRANT SELECT, INSERT, DELETE ON millrace_sink_ledger TO ${user}`)
    const own = Object.assign(new URL(url), { username: user, password: 'x' }).href
    writer = new TableWriter({ ...options, url: own, maxConnections: 2, onError })
    await writer.open()
    await writer.write([{ identity: 'old', values: { n: 0 } }], signal)
    await ask(`UPDATE millrace_sink_ledger SET written_at = now() - interval '2 hours'`)
  })
  afterEach(() => writer.close())

  /** As if the writer had begun an hour ago. */
  async function writeAnHourLater(): Promise<void> {
    const now = performance.now.bind(performance)
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + 3_600_000)
    await writer.write([{ identity: 'new', values: { n: 1 } }], signal)
    clock.mockRestore()
  }

  test('by a user who may only select, insert and delete there', async () => {
    await writeAnHourLater()
    await until('the end of the old one', async () => errors.length > 0 || !(await known()).includes('old'))
    expect([errors, await known()]).toEqual([[], ['new']])
  })

  test('while another instance is at the same rows', async () => {
    const other = new Client(url)
    await other.connect()
    await other.query(`BEGIN; DELETE FROM millrace_sink_ledger WHERE identity = 'old'`)
    await writeAnHourLater()
    await until('the wait', async () => {
      const waits = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
      return errors.length > 0 || (await ask(waits)).length > 0
    })
    await other.query('COMMIT')
    await other.end()
    await writer.close()
    expect([errors, await known()]).toEqual([[], ['new']])
  })
})

test('a password that was changed is tried on with, until it is right again', async () => {
  const user = `writer_${randomBytes(4).toString('hex')}`
  await ask(`CREATE ROLE ${user} LOGIN SUPERUSER PASSWORD 'new'`)
  await lab.publish(1)
  const pipe = await run({ url: Object.assign(new URL(url), { username: user, password: 'old' }).href })
  await until('the refusal', () => pipe.status.state === 'retrying')
  expect(pipe.status.lastError?.message).toContain('password authentication failed')
  await ask(`ALTER ROLE ${user} PASSWORD 'old'`)
  await until('the row', async () => (await numbers()).length === 1)
})

test('a table that is locked for longer than a write may take gets each row once, when it is free', async () => {
  await ask('ALTER TABLE facts DROP CONSTRAINT facts_n_key')
  await lab.publish(1)
  const pipe = await run({}, { writeTimeoutMs: 200 })
  await until('a row', () => pipe.status.written === 1)
  const other = new Client(url)
  await other.connect()
  await other.query('BEGIN; LOCK TABLE facts IN ACCESS EXCLUSIVE MODE')
  await lab.publish(10, (n) => ['type', 't', 'data', String(n + 1)])
  await until('the timeout', () => pipe.status.state === 'retrying')
  expect(pipe.status.lastError?.message).toBe('a write took longer than 200 ms')
  await other.query('COMMIT')
  await other.end()
  await until('the others', () => pipe.status.written === 11)
  expect([await numbers(), await lab.letters()]).toEqual([upTo(11), []])
})

test('a database that is away is waited for', async () => {
  const through = new URL(url)
  through.port = String(proxy.port)
  await lab.publish(10)
  const pipe = await run({ url: through.href })
  await until('all', () => pipe.status.written === 10)
  proxy.swallow('both')
  proxy.cut()
  await lab.publish(5, (number) => ['type', 't', 'data', String(100 + number)])
  proxy.pass()
  await until('the others', async () => (await numbers()).length === 15)
  expect(await lab.letters()).toEqual([])
})

test('a close during the first connect leaves no connection behind', async () => {
  const sink = postgresSink({ url, table: 'facts', columns: COLUMNS })
  const stopping = new AbortController()
  const connecting = failureOf(sink.connect(contextOf(stopping.signal)))
  stopping.abort()
  await sink.close()
  expect(await connecting).toMatchObject({ name: 'AbortError' })
})

test('a database that is not there is told by its own url, and without a password', async () => {
  await lab.publish(1)
  const pipe = await run({ url: 'postgres://me:canary@127.0.0.1:1/facts' })
  await until('the outage', () => pipe.status.state === 'retrying')
  const { error, message } = pipe.status.lastError!
  expect(error).toBe('SINK_UNAVAILABLE')
  expect(message).toMatch(/^the table facts: PostgreSQL at 127\.0\.0\.1:1.*ECONNREFUSED.*in its url right/)
  expect(message).not.toMatch(/canary|DATABASE_URL/)
})

test('two instances share a stream, and every row stands once', async () => {
  await ask('ALTER TABLE facts DROP CONSTRAINT facts_n_key')
  const both = [await run({ concurrency: 2 }), await run({ concurrency: 2 })]
  await lab.publish(2_000)
  await until('all', () => both.reduce((sum, { status }) => sum + status.written, 0) >= 2_000)
  expect(await numbers()).toEqual(upTo(2_000))
})

test('every mistake is told where it is declared', () => {
  const wrong = {
    url: 'mysql://x',
    table: 'a.b.c',
    columns: { a: 'data..b', b: 'nothing' as never },
    key: ['c'],
    rememberMs: 0,
  }
  expect(() => postgresSink(wrong as PostgresSinkOptions)).toThrow(
    expect.objectContaining({
      issues: ['url', 'table', 'columns.a', 'columns.b', 'key', 'rememberMs'].map((path) =>
        expect.objectContaining({ path }),
      ),
    }),
  )
})
