import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { handle, handleBatch, handleOnce, route } from '../src/app/app.ts'
import { stream } from '../src/core/stream.ts'
import { until } from './support/until.ts'
import { useAppServices } from './support/use-app-services.ts'

const { admin, place, launch, start } = useAppServices()

const launchUsers = (more: NodeJS.ProcessEnv) => launch('test/support/users-app.ts', more)

const entries = (name: string) => admin.send<[string, string[]][]>(['XRANGE', name, '-', '+'])
const rows = (text: string) => place.database.query(text)

async function signUp(
  url: string,
): Promise<{ status: number; body: { messageId: string | null; eventId: string } }> {
  const response = await fetch(`${url}/api/users`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'ada', email: 'ada@example.com' }),
  })
  return { status: response.status, body: (await response.json()) as never }
}

const notes = stream('notes', { noted: z.object({ text: z.string() }) })
const migrations = [{ name: '001-notes', sql: 'CREATE TABLE notes (text text UNIQUE)' }]
const INSERT = 'INSERT INTO notes VALUES ($1)'

describe('a transaction of a route', () => {
  const note = route(
    'POST /notes/:text',
    {
      summary: 'Writes it down',
      answers: { 201: z.object({ ids: z.array(z.string()), places: z.array(z.unknown()) }) },
    },
    async ({ params: { text }, query }, { transaction, published }) => {
      const ids = await transaction(async (tx) => {
        await tx.query(INSERT, [text])
        const first = await tx.publish(notes, 'noted', { text: `${text} 1` }, { key: text })
        const second = await tx.publish(notes, 'noted', { text: `${text} 2` }, { key: text })
        if (text === 'bad') throw new Error('on second thoughts')
        return [first, second]
      })
      void query
      return { status: 201, body: { ids, places: await Promise.all(ids.map((id) => published(id, 2_000))) } }
    },
  )

  it('leaves neither row nor event when it throws, and both when it does not', async () => {
    const running = await start({ streams: [notes], routes: [note], migrations })
    expect((await running.post('/notes/bad', {})).status).toBe(500)
    const { body } = await running.post<{ ids: string[]; places: string[] }>('/notes/good', {})
    const published = await entries('notes')
    expect(body.places).toEqual(published.map(([position]) => position))
    expect(published.map(([, fields]) => fields[fields.indexOf('data') + 1])).toEqual([
      '{"text":"good 1"}',
      '{"text":"good 2"}',
    ])
    expect(await rows('SELECT text FROM notes')).toEqual([{ text: 'good' }])
    expect(await rows('SELECT 1 FROM millrace_outbox')).toEqual([])
  })

  it('waits for a connection no longer than it may, when transactions stand within transactions', async () => {
    const nested = route(
      'POST /nested',
      { summary: 'Waits for itself', answers: { 204: null } },
      async ({ signal }, { transaction }) => {
        await transaction(() => transaction(async (tx) => tx.query('SELECT 1'), { signal }), { signal })
        return { status: 204 }
      },
    )
    const running = await start({ routes: [nested] }, { ROLES: 'api', REQUEST_TIMEOUT_MS: '500' })
    const ask = () => fetch(`${running.service.url}/nested`, { method: 'POST' }).then(({ status }) => status)
    const statuses = await Promise.all(Array.from({ length: 8 }, ask))
    expect(statuses.every((status) => status === 204 || status === 504)).toBe(true)
    expect(await ask()).toBe(204)
  })
})

describe('where the relay is another process', () => {
  it('the position comes in time, and null where it does not; what was committed is published after a kill', async () => {
    const api = await launchUsers({ ROLES: 'api' })
    const { status, body } = await signUp(api.url)
    // Nobody relays.
    expect([status, body.messageId]).toEqual([201, null])
    await api.end('SIGKILL')
    expect(await entries('user:events')).toEqual([])
    const worker = await launchUsers({ ROLES: 'worker' })
    await until('the event', async () => (await entries('user:events')).length === 1)
    const [[, fields]] = (await entries('user:events')) as [[string, string[]]]
    expect(fields).toContain(body.eventId)
    await until('its effect', async () => (await rows('SELECT event_id FROM counted')).length === 1)

    await rows('DELETE FROM users')
    const another = await launchUsers({ ROLES: 'api' })
    const again = await signUp(another.url)
    expect(again.body.messageId).toBe((await entries('user:events'))[1]![0])
    await worker.end('SIGKILL')
  })
})

describe('a group whose effects happen once', () => {
  it('has them once, also when the process dies between the commit and the acknowledgement', async () => {
    const first = await launchUsers({})
    const locked = await place.database.connect()
    // Nothing is acknowledged before its row of the audit trail is written.
    await locked.query('BEGIN; LOCK TABLE millrace_audit IN EXCLUSIVE MODE')
    await signUp(first.url)
    await until('the effect', async () => (await rows('SELECT 1 FROM counted')).length === 1)
    await first.end('SIGKILL')
    // What waits for the lock would be done all the same: PostgreSQL does not notice that nobody wants it any more.
    const waiting = "SELECT pid FROM pg_locks WHERE relation = 'millrace_audit'::regclass AND NOT granted"
    await until('their end', async () => {
      const ended = await rows(`SELECT pg_terminate_backend(pid) FROM (${waiting}) AS those`)
      return ended.length === 0
    })
    await locked.query('ROLLBACK')
    locked.release()
    const pending = await admin.send<[number]>(['XPENDING', 'user:events', 'counter'])
    expect(pending[0]).toBe(1)

    const second = await launchUsers({})
    await until('the acknowledgement', async () => {
      const [count] = await admin.send<[number]>(['XPENDING', 'user:events', 'counter'])
      return count === 0
    })
    expect(await rows('SELECT count(*)::int AS n FROM counted')).toEqual([{ n: 1 }])
    await second.end('SIGKILL')
  })

  it('publishes with them, and has nothing of an attempt that failed', async () => {
    const copies = stream('copies', { copied: z.object({ of: z.string() }) })
    const copier = handleOnce(
      notes,
      { group: 'copier', retry: { delayMs: 10 } },
      {
        noted: async ({ event, attempt }, tx, { log }) => {
          await tx.query(INSERT, [event.data.text])
          await tx.publish(copies, 'copied', { of: event.data.text })
          log.info({}, `tried ${attempt}`)
          if (attempt === 1) throw new Error('once more')
        },
      },
    )
    const running = await start({ streams: [notes, copies], handlers: [copier], migrations })
    await running.publish('notes', 'noted', { text: 'a' })
    await until('the copy', async () => (await entries('copies')).length > 0)
    await expect.poll(async () => (await running.processed('copied')).length).toBe(1)
    expect(await rows('SELECT text FROM notes')).toEqual([{ text: 'a' }])
    expect(running.lines.filter((line) => /tried [12]\b/.test(line))).toHaveLength(2)
  })
})

describe('other groups', () => {
  it('get the context beside their delivery, and publish through it', async () => {
    const echoes = stream('echoes', { echoed: z.string() })
    const echo = handle(
      notes,
      { group: 'echo' },
      { '*': async ({ event }, { publish }) => void (await publish(echoes, 'echoed', event.type)) },
    )
    const running = await start({ streams: [notes, echoes], handlers: [echo] })
    const published = await running.publish('notes', 'noted', { text: 'a' }, { 'x-correlation-id': 'walk-1' })
    expect(published.status).toBe(201)
    await until('the echo', async () => (await entries('echoes')).length === 1)
    expect((await entries('echoes'))[0]![1]).toEqual(expect.arrayContaining(['"noted"', 'walk-1']))
  })

  it('take batches, of which a bad event fails alone', async () => {
    const sizes: number[] = []
    const all = handleBatch(
      notes,
      { group: 'all', batch: { size: 10, waitMs: 100 }, retry: { attempts: 1 } },
      async (deliveries, { query }) => {
        sizes.push(deliveries.length)
        const texts = deliveries.map(({ event }) => (event.data as { text: string }).text)
        await query('INSERT INTO notes SELECT unnest($1::text[])', [texts])
      },
    )
    const running = await start(
      { streams: [notes], handlers: [all], migrations },
      { METRICS_ENABLED: 'true' },
    )
    const events = ['a', 'b', 'a', 'c'].map((text) => ({
      streamName: 'notes',
      eventType: 'noted',
      payload: { text },
    }))
    await running.post('/api/events/batch', { events })
    await expect
      .poll(async () => (await running.processed('noted')).filter((one) => one.processed).length)
      .toBe(3)
    expect(Math.max(...sizes)).toBe(4)
    expect(await rows('SELECT text FROM notes ORDER BY text')).toEqual([
      { text: 'a' },
      { text: 'b' },
      { text: 'c' },
    ])
    const metrics = await (await fetch(`${running.service.url}/metrics`)).text()
    expect(metrics).toMatch(/millrace_handler_duration_seconds_count\{[^}]*group="all"[^}]*\} [4-9]/)
  })
})
