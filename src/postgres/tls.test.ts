import { describe, expect, it, vi } from 'vitest'
import { createAuthority } from '../../test/support/certificates.ts'
import { failureOf, until } from '../../test/support/until.ts'
import { useOnce } from '../../test/support/use.ts'
import { usePostgres } from '../../test/support/use-postgres.ts'
import { noLog } from '../core/service.ts'
import type { TlsOptions } from '../core/tls.ts'
import { startTestPostgres } from '../engines/test-servers.ts'
import { Database, type DatabaseOptions } from './database.ts'
import { Notifications } from './notifications.ts'
import { openPostgres } from './open-postgres.ts'

const ca = await createAuthority()
const stranger = await createAuthority('Stranger')
const own = await ca.issue()
const client = await ca.issue({ name: 'postgres' })
const somebody = await ca.issue({ name: 'somebody' })
const foreign = await stranger.issue({ name: 'postgres' })

/** What the server shows; a test may replace it, and start the server again. */
const shown = { ca: ca.ca, ...own, clientCertificates: true }
const server = useOnce(
  () => startTestPostgres({ tls: shown }),
  (it) => it.stop(),
)
const plain = usePostgres()
const good: TlsOptions = { ca: ca.ca, ...client }

async function ask<T extends object>(options: DatabaseOptions, text: string): Promise<T[]> {
  const database = new Database({ maxConnections: 1, ...options })
  return database.query<T>(text).finally(() => database.close())
}

const ENCRYPTED = 'SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()'

describe('TLS to PostgreSQL', () => {
  it('is spoken with certificates on both sides: by the pool, by sessions and by whoever listens', async () => {
    expect(await ask({ url: server.url, tls: good }, ENCRYPTED)).toEqual([
      { ssl: true, client_dn: '/CN=postgres' },
    ])
    const database = new Database({ url: server.url, tls: good })
    expect(await database.session((query) => query(ENCRYPTED))).toMatchObject([{ ssl: true }])
    const heard: string[] = []
    const listening = vi.fn<() => void>()
    const notifications = new Notifications(database, {
      channels: ['news'],
      onNotification: (_, payload) => void heard.push(payload),
      onListening: listening,
      log: noLog,
    })
    notifications.start()
    await until('the listener', () => listening.mock.calls.length > 0)
    await database.query(`SELECT pg_notify('news', 'hello')`)
    await until('the news', () => heard.includes('hello'))
    expect(
      await database.query(
        'SELECT FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE NOT ssl AND application_name = $1',
        ['millrace'],
      ),
    ).toEqual([])
    await notifications.stop()
    await database.close()
  })

  it('serves all that Millrace keeps there', async () => {
    const postgres = await openPostgres({ url: server.url, tls: good })
    expect(await postgres.events.stats()).toMatchObject({ total: 0 })
    await postgres.close()
  })

  it.each<[string, () => DatabaseOptions, RegExp]>([
    ['another authority', () => ({ url: server.url, tls: { ...good, ca: stranger.ca } }), /DB_TLS_CA/],
    ['an authority nobody named', () => ({ url: server.url, tls: client }), /DB_TLS_CA/],
    [
      'another name',
      () => ({ url: server.url, tls: { ...good, serverName: 'db.example' } }),
      /does not match.*subjectAltName/,
    ],
    ['no certificate of ours', () => ({ url: server.url, tls: { ca: ca.ca } }), /give DB_TLS_CERT/],
    [
      'a certificate of ours from elsewhere',
      () => ({ url: server.url, tls: { ca: ca.ca, ...foreign } }),
      /unknown ca; The server does not accept our certificate/,
    ],
    [
      'the certificate of another user',
      () => ({ url: server.url, tls: { ca: ca.ca, ...somebody } }),
      /password/,
    ],
    ['no TLS where it is wanted', () => ({ url: server.url }), /set DB_TLS_ENABLED/],
    ['TLS where there is none', () => ({ url: plain.url, tls: good }), /switch TLS on there/],
    [
      'the URL that asks for TLS, and its own authority alone',
      () => ({ url: `${server.url}?sslmode=verify-full` }),
      /DB_TLS_CA/,
    ],
  ])('%s: a clear error', async (_, options, message) => {
    const failure = await failureOf(ask(options(), 'SELECT 1'))
    expect(failure).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    expect(failure.message).toMatch(message)
    expect(failure.message).not.toMatch(/deps\/openssl|BEGIN/)
    expect(failure.message).not.toContain(new URL(server.url).password)
  })

  it('has no variable of the environment that switches the check off', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const untrusted = ask({ url: server.url, tls: { ...good, ca: stranger.ca } }, 'SELECT 1')
    await expect(untrusted.finally(() => vi.unstubAllEnvs())).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
    })
  })

  it('is said in one place: the URL would win without a word', () => {
    for (const query of ['sslmode=disable', 'ssl=0', 'sslmode=no-verify', 'sslnegotiation=direct'])
      expect(() => new Database({ url: `${server.url}?${query}`, tls: good })).toThrow(/say it in one place/)
    expect(() => new Database({ url: server.url, tls: { ca: 'no' } })).toThrow(/tls.ca/)
  })

  it('takes certificates that were replaced for the connections from then on', async () => {
    let ours = good
    const database = new Database({ url: server.url, tls: () => ours })
    await database.ping()
    const kept = { ...shown }
    Object.assign(shown, { ca: stranger.ca, ...(await stranger.issue()) })
    await server.restart()
    await expect(database.ping().then(() => database.ping())).rejects.toThrow(/PostgreSQL at/)
    ours = { ca: stranger.ca, ...foreign }
    await until('a connection', async () => (await database.ping(), true))
    expect(await database.query(ENCRYPTED)).toMatchObject([{ ssl: true }])
    await database.close()
    Object.assign(shown, kept)
    await server.restart()
  })
})
