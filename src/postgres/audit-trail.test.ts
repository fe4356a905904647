import { beforeEach, describe, expect, it, vi } from 'vitest'
import { useDatabase, usePostgres } from '../../test/support/use-postgres.ts'
import type { Entry } from '../core/stream-log.ts'
import { PostgresAuditTrail } from './audit-trail.ts'
import { Database } from './database.ts'
import { auditRows, entryOf, factOf, inboxRows } from './test-audit.ts'
import { queryOnce } from './test-database.ts'

const server = usePostgres()
const fresh = useDatabase(server)
let url: string
let database: Database
let trail: PostgresAuditTrail
beforeEach(() => {
  ;({ url, database } = fresh)
  trail = new PostgresAuditTrail(database)
})

const rows = () => auditRows(url)
const inbox = () => inboxRows(url)

/** The statement that waits for a lock on the audit trail. */
const WAITING = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%millrace_audit%'`

describe('record', () => {
  it('writes what was read as pending, and how it ended', async () => {
    const entries = ['1-0', '2-0', '3-0'].map((position) => entryOf(position, { userId: 'u1', n: 1.5 }))
    await trail.record(entries.map((entry) => factOf(entry, { state: 'pending' })))
    await trail.record([
      factOf(entries[1]!),
      factOf(entries[2]!, { state: 'failed', error: 'Error: no', consumer: 'consumer-2' }),
    ])
    const common = {
      stream: 'things',
      event_type: 'thing.done',
      user_id: 'u1',
      payload_json: { userId: 'u1', n: 1.5 },
    }
    const pending = { ...common, state: 'pending', processed_at: null, consumer: null, error: null }
    const processed = { ...common, state: 'processed', consumer: 'consumer-1', error: null }
    const failed = { ...common, state: 'failed', consumer: 'consumer-2', error: 'Error: no' }
    expect(await rows()).toMatchObject([
      { position: '1-0', ...pending },
      { position: '2-0', ...processed, processed_at: expect.any(Date) },
      { position: '3-0', ...failed, processed_at: expect.any(Date) },
    ])
  })

  it('keeps one row of one entry that two groups read, and an inbox row for each', async () => {
    const entry = entryOf('1-0')
    await trail.record([factOf(entry), factOf(entry, { group: 'other' })])
    await trail.record([factOf(entry, { group: 'third' })])
    expect(await rows()).toHaveLength(1)
    expect((await inbox()).map(({ group }) => group)).toEqual(['main', 'other', 'third'])
  })

  it('lets the main group alone say how an entry ended; of others it keeps what they processed', async () => {
    const [entry, failed] = [entryOf('1-0'), entryOf('2-0')]
    await trail.record([factOf(entry, { group: 'other', main: false })])
    await trail.record([factOf(failed, { group: 'other', main: false, state: 'failed', error: 'Error: no' })])
    expect((await rows()).map(({ state, error }) => ({ state, error }))).toEqual([
      { state: 'pending', error: null },
      { state: 'pending', error: null },
    ])
    expect(await trail.processedBefore('things', 'other', [entry, failed])).toEqual(new Set(['1-0']))
  })

  it.each([
    ['pending', 'failed', 'failed'],
    ['failed', 'processed', 'processed'],
    ['failed', 'pending', 'failed'],
    ['processed', 'pending', 'processed'],
    ['processed', 'failed', 'processed'],
  ] as const)(
    'after %s and then %s it stands as %s, together or one by one',
    async (first, second, expected) => {
      const facts = (entry: Entry) => [first, second].map((state) => factOf(entry, { state }))
      for (const fact of facts(entryOf('1-0'))) await trail.record([fact])
      await trail.record(facts(entryOf('2-0')))
      expect((await rows()).map(({ state }) => state)).toEqual([expected, expected])
    },
  )

  it('writes what became of a copy into the row of its original, and into the inbox under its own position', async () => {
    const original = entryOf('1-0')
    const copy = { ...original, position: 'inlet/7-0' }
    await trail.record([factOf(original, { state: 'failed', error: 'Error: no' })])
    await trail.record([factOf(copy, { copyOf: '1-0' })])
    expect(await rows()).toMatchObject([{ position: '1-0', state: 'processed', error: null }])
    expect(await inbox()).toMatchObject([{ position: 'inlet/7-0', group: 'main' }])
    expect(await trail.processedBefore('things', 'main', [original, copy])).toEqual(new Set(['inlet/7-0']))
  })

  it('finds the row of an original whose copy says its id, source and time as well', async () => {
    const original = entryOf('1700000000000-3')
    const added = ['id', original.position, 'source', 'things', 'time', '2023-11-14T22:13:20.000Z']
    const copy = { position: 'inlet/7-0', fields: [...original.fields, ...added] }
    await trail.record([factOf(original, { state: 'failed', error: 'Error: no' })])
    await trail.record([factOf(copy, { copyOf: original.position })])
    expect(await rows()).toMatchObject([{ position: original.position, state: 'processed', error: null }])
    expect(await trail.processedBefore('things', 'main', [copy])).toEqual(new Set(['inlet/7-0']))
  })

  it('does not take for processed what still has to produce something', async () => {
    await trail.record([factOf(entryOf('1-0'), { producing: true })])
    expect(await rows()).toMatchObject([{ position: '1-0', state: 'processed' }])
    expect(await inbox()).toEqual([])
  })

  it.each(['pending', 'failed', 'processed'] as const)(
    'leaves the row of what was processed when a replayed copy of it is %s, told together or later',
    async (state) => {
      const copy = { ...entryOf('1-0'), position: 'inlet/7-0' }
      const replayed = factOf(copy, { copyOf: '1-0', state, error: 'Error: no', consumer: 'consumer-2' })
      await trail.record([factOf(entryOf('1-0'))])
      const [before] = await rows()
      await trail.record([replayed])
      expect(await rows()).toEqual([before])
      const again = { ...copy, position: 'inlet/8-0' }
      await trail.record([{ ...replayed, entry: again }, factOf(entryOf('1-0'))])
      expect(await rows()).toEqual([before])
      const copies = state === 'processed' ? ['inlet/7-0', 'inlet/8-0'] : []
      expect((await inbox()).map(({ position }) => position)).toEqual(['1-0', ...copies])
    },
  )

  it('makes new rows when positions come again with other content, or on another stream', async () => {
    await trail.record([factOf(entryOf('1-0', 'first life'))])
    await trail.record([factOf(entryOf('1-0', 'second life')), factOf(entryOf('1-0', 'first life'))])
    await trail.record([factOf(entryOf('1-0', 'first life'), { stream: 'others' })])
    expect((await rows()).map(({ stream, payload }) => [stream, payload])).toEqual([
      ['things', '"first life"'],
      ['things', '"second life"'],
      ['others', '"first life"'],
    ])
  })

  it('tells facts of the same entries from many processes at once as one row each', async () => {
    const entries = Array.from({ length: 300 }, (_, n) => entryOf(`${1_000 + (n >> 2)}-${n & 3}`))
    const databases = Array.from({ length: 6 }, () => new Database({ url, maxConnections: 2 }))
    const states = ['pending', 'processed', 'failed', 'pending'] as const
    const tellings = databases.flatMap((database, process) => {
      const trail = new PostgresAuditTrail(database)
      // Each in another order and in other parcels, so that the statements overlap.
      return states.map(async (state, index) => {
        const turned = [...entries.slice(process * 50), ...entries.slice(0, process * 50)]
        if (index % 2) turned.reverse()
        const size = 30 + process * 20
        for (let at = 0; at < turned.length; at += size) {
          await trail.record(turned.slice(at, at + size).map((entry) => factOf(entry, { state })))
        }
      })
    })
    await Promise.all(tellings)
    const all = await rows()
    expect(all).toHaveLength(300)
    expect(new Set(all.map(({ position }) => position)).size).toBe(300)
    expect(new Set(all.map(({ state }) => state))).toEqual(new Set(['processed']))
    expect(await inbox()).toHaveLength(300)
    await Promise.all(databases.map((database) => database.close()))
  })

  it('cuts what is more than one statement should carry', async () => {
    const query = vi.spyOn(database, 'query')
    const facts = Array.from({ length: 2_500 }, (_, n) => factOf(entryOf(`${n}-0`)))
    const large = Array.from({ length: 12 }, (_, n) => factOf(entryOf(`9-${n}`, 'x'.repeat(1_000_000))))
    await Promise.all([trail.record(facts), trail.record(large), trail.record([])])
    for (const [, values] of query.mock.calls) {
      const payloads = values![9] as string[]
      expect(payloads.length).toBeLessThanOrEqual(1_000)
      expect(payloads.join('').length).toBeLessThanOrEqual(8_000_000)
    }
    expect(await inbox()).toHaveLength(2_512)
    expect((await rows()).filter(({ payload }) => payload.length === 1_000_002)).toHaveLength(12)
  })

  it('tries again when PostgreSQL ends a deadlock at its expense', async () => {
    const facts = ['1-0', '2-0'].map((position) => factOf(entryOf(position)))
    await trail.record(facts.map((fact) => ({ ...fact, state: 'pending' })))
    const touch = (position: string) =>
      `UPDATE millrace_audit SET user_id = 'x' WHERE position = '${position}'`
    await database.session(async (query) => {
      // Who looks for deadlocks first is the one to give way.
      await query(`BEGIN; SET LOCAL deadlock_timeout = '30s'; ${touch('2-0')}`)
      const recorded = trail.record(facts)
      await expect.poll(async () => (await queryOnce(url, WAITING)).length).toBe(1)
      await query(`${touch('1-0')}; COMMIT`)
      await recorded
    })
    expect((await rows()).map(({ state }) => state)).toEqual(['processed', 'processed'])
  })

  it('fails when its connection is cut in the middle, leaves nothing, and succeeds when told again', async () => {
    const facts = ['1-0', '2-0'].map((position) => factOf(entryOf(position)))
    const failure = await database.session(async (query) => {
      await query('BEGIN; LOCK TABLE millrace_audit IN EXCLUSIVE MODE')
      const recorded = trail.record(facts).then(
        () => undefined,
        (error: unknown) => error,
      )
      await expect.poll(async () => (await queryOnce(url, WAITING)).length).toBe(1)
      await queryOnce(url, `SELECT pg_terminate_backend(pid) FROM (${WAITING}) AS it`)
      const failure = await recorded
      await query('ROLLBACK')
      return failure
    })
    expect(failure).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    expect([await rows(), await inbox()]).toEqual([[], []])
    await trail.record(facts)
    await trail.record(facts)
    expect([(await rows()).length, (await inbox()).length]).toEqual([2, 2])
  })

  it('writes what it was told before it closes, and takes nothing after', async () => {
    const told = Array.from({ length: 5 }, (_, n) => trail.record([factOf(entryOf(`${n}-0`))]))
    await Promise.all([trail.close(), trail.close()])
    await database.close()
    await Promise.all(told)
    expect(await rows()).toHaveLength(5)
    await expect(trail.record([factOf(entryOf('6-0'))])).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('processedBefore', () => {
  it('knows what the group has processed, by position and content', async () => {
    const [done, failed, pending, otherGroup, unknown] = [1, 2, 3, 4, 5].map((n) => entryOf(`${n}-0`))
    await trail.record([
      factOf(done!),
      factOf(failed!, { state: 'failed' }),
      factOf(pending!, { state: 'pending' }),
      factOf(otherGroup!, { group: 'other' }),
    ])
    const sameAgain = entryOf('1-0', 'another life')
    const entries = [done!, failed!, pending!, otherGroup!, unknown!]
    expect(await trail.processedBefore('things', 'main', entries)).toEqual(new Set(['1-0']))
    expect(await trail.processedBefore('things', 'main', [sameAgain])).toEqual(new Set())
    expect(await trail.processedBefore('others', 'main', entries)).toEqual(new Set())
    expect(await trail.processedBefore('things', 'main', [])).toEqual(new Set())
  })
})
