import { beforeEach, describe, expect, it } from 'vitest'
import { useDatabase, usePostgres } from '../../test/support/use-postgres.ts'
import { noLog } from '../core/service.ts'
import type { Entry } from '../core/stream-log.ts'
import { PostgresAuditTrail } from './audit-trail.ts'
import type { Database } from './database.ts'
import { auditRows, entryOf, factOf, inboxRows, undecodedFactOf } from './test-audit.ts'
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

describe('hostile content', () => {
  const raw = (json: string, position = '1-0'): Entry => ({ position, fields: ['type', 't', 'data', json] })
  const deep = '['.repeat(20_000) + ']'.repeat(20_000)

  it.each([
    ['an escaped NUL', '{"a":"\\u0000"}'],
    ['a lone surrogate', '"\\ud800"'],
    ['a number without end', '[1e999999]'],
    ['a number of 200,000 digits', `[${'9'.repeat(200_000)}]`],
    ['nesting 20,000 deep', deep],
  ])('%s stands as text, where jsonb refuses it', async (_, json) => {
    await trail.record([factOf(raw(json)), factOf(raw('{"fine":true}', '2-0'))])
    expect((await rows()).map(({ payload }) => payload)).toEqual([json, '{"fine":true}'])
    expect((await rows()).map(({ payload_json }) => payload_json)).toEqual([null, { fine: true }])
  })

  it('writes names as values, whatever they hold', async () => {
    const name = `'); DROP TABLE millrace_audit; -- "x" {a,b} \\ NULL %s $1`
    const entry = { position: '1-0', fields: ['type', name, 'data', JSON.stringify({ userId: name })] }
    const names = { stream: name, group: name, consumer: name }
    await trail.record([factOf(entry, { ...names, state: 'failed', error: name })])
    await trail.record([factOf(entry, { ...names })])
    expect(await rows()).toMatchObject([{ stream: name, event_type: name, consumer: name, user_id: name }])
    expect(await trail.processedBefore(name, name, [entry])).toEqual(new Set(['1-0']))
  })

  it('replaces NUL, for which there is no place in a text, and cuts endless names', async () => {
    const entry = {
      position: '1-0',
      fields: ['type', 'a\0b', 'data', '"a\0b"', 'datacontenttype', 'text/plain'],
    }
    const names = { stream: 's\0', group: 'g\0', consumer: 'c\0' }
    await trail.record([factOf(entry, { ...names, state: 'failed', error: 'e\0'.repeat(10_000) })])
    await trail.record([factOf(entry, names)])
    const endless = {
      position: '2-0',
      fields: ['type', 't'.repeat(1e6), 'data', `{"userId":"${'u'.repeat(1e6)}"}`],
    }
    await trail.record([factOf(endless)])
    expect(await rows()).toMatchObject([
      { stream: 's\ufffd', event_type: 'a\ufffdb', consumer: 'c\ufffd', payload: '"\\"a\\u0000b\\""' },
      { event_type: 't'.repeat(256), user_id: 'u'.repeat(256) },
    ])
    expect(await trail.processedBefore('s\0', 'g\0', [entry])).toEqual(new Set(['1-0']))
  })

  it('keeps the fields of an entry that could not be decoded, and its type if it has one', async () => {
    const broken = { position: '1-0', fields: ['eventType', 'thing.broken', 'payload', '{no json\0'] }
    const bare = { position: '2-0', fields: ['payload', '{'] }
    await trail.record([undecodedFactOf(broken), undecodedFactOf(bare)])
    expect(await rows()).toMatchObject([
      { event_type: 'thing.broken', payload: '{"eventType":"thing.broken","payload":"{no json\\u0000"}' },
      { event_type: 'things', payload: '{"payload":"{"}' },
    ])
  })

  it('keeps a row without its payload where PostgreSQL refuses it, and the others whole', async () => {
    await queryOnce(url, `ALTER TABLE millrace_audit ADD CHECK (payload NOT LIKE '%poison%')`)
    const logged: string[] = []
    trail = new PostgresAuditTrail(database, { ...noLog, error: (_, message) => logged.push(message) })
    const facts = Array.from({ length: 500 }, (_, n) =>
      factOf(entryOf(`${n}-0`, n === 321 ? 'poison' : 'fine')),
    )
    await trail.record(facts)
    const [refused, ...others] = (await rows()).sort((a, b) => b.payload.localeCompare(a.payload))
    expect(others).toHaveLength(499)
    expect(refused).toMatchObject({ position: '321-0', payload: 'null', state: 'processed' })
    expect(refused!.error).toContain('could not be kept')
    expect(logged).toHaveLength(1)
    expect(await inbox()).toHaveLength(500)
  })

  it('fails, and says why, where not even that is taken', async () => {
    await queryOnce(url, `ALTER TABLE millrace_audit ADD CHECK (stream <> 'forbidden')`)
    const failure = trail.record([factOf(entryOf('1-0'), { stream: 'forbidden' })])
    await expect(failure).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
  })
})
