import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { afterAll, describe, expect, it } from 'vitest'
import { findTestTls, startTestPostgres, startTestRedis } from '../src/engines/test-servers.ts'
import { Database } from '../src/postgres/database.ts'
import { openConnection } from '../src/redis/connections/servers.ts'
import { createAuthority } from './support/certificates.ts'
import { ServiceProcess } from './support/service-process.ts'
import { until } from './support/until.ts'
import { useOnce } from './support/use.ts'

const { reason } = await findTestTls()
const ca = await createAuthority()
const own = await ca.issue()
const client = await ca.issue({ name: 'postgres' })
const SECRET = 'ada@example.org'
const [K1, K2] = ['k1', 'k2'].map((id) => `${id}:${randomBytes(32).toString('base64')}`) as [string, string]

const folder = mkdtempSync(join(tmpdir(), 'millrace-test-secured-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

describe.skipIf(reason)(`a service with TLS to both servers, and keys${reason ? ` (${reason})` : ''}`, () => {
  const tls = { ca: ca.ca, ...own, clientCertificates: true }
  const redis = useOnce(
    () => startTestRedis({ tls }),
    (it) => it.stop(),
  )
  const postgres = useOnce(
    () => startTestPostgres({ tls }),
    (it) => it.stop(),
  )
  const environment = () => {
    const files = { CA: file('ca', ca.ca), CERT: file('cert', client.cert), KEY: file('key', client.key) }
    const named = Object.entries(files).flatMap(([name, path]) => [
      [`REDIS_TLS_${name}`, path],
      [`DB_TLS_${name}`, path],
    ])
    return {
      ...(Object.fromEntries(named) as Record<string, string>),
      REDIS_URL: redis.url,
      DATABASE_URL: postgres.url,
      DB_TLS_ENABLED: 'true',
      TEST_EVENT_INTERVAL_MS: '0',
    }
  }

  it('takes events that neither of them can read, and other keys when it is told to', async () => {
    const keys = file('keys', K1)
    const service = await ServiceProcess.start({ ...environment(), ENCRYPTION_KEYS_FILE: keys })
    const database = new Database({ url: postgres.url, tls: { ca: ca.ca, ...client } })
    const admin = await openConnection({ url: redis.url, tls: { ca: ca.ca, ...client } }, 'test')
    const publish = () =>
      fetch(`${service.url}/api/events/custom`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ streamName: 'people', eventType: 'joined', payload: { email: SECRET } }),
      })
    try {
      expect((await publish()).ok).toBe(true)
      writeFileSync(keys, `${K2}\n${K1}\n`)
      service.child.kill('SIGHUP')
      await service.until(() => service.lines.some((line) => line.includes('The configuration was read')))
      expect((await publish()).ok).toBe(true)
      const rows = await until('the audit', async () => {
        const found = await database.query(`SELECT * FROM millrace_audit WHERE state = 'processed'`)
        return found.length === 2 && found
      })
      const entries = JSON.stringify(await admin.send(['XRANGE', 'people', '-', '+']))
      expect(entries.match(/"key\\*":\\*"k\d/g)?.map((found) => found.slice(-2))).toEqual(['k1', 'k2'])
      expect(rows).toMatchObject([{ payload: 'null' }, { payload: 'null' }])
      const kept = [entries, JSON.stringify(rows), ...service.lines].join('\n')
      for (const secret of [SECRET, 'PRIVATE KEY', K1.slice(3), K2.slice(3)])
        expect(kept).not.toContain(secret)
    } finally {
      await Promise.all([database.close(), admin.close(), service.end()])
    }
  })

  it.each([
    ['REDIS_TLS_CA', '/nowhere/ca.pem', /REDIS_TLS_CA: holds "\/nowhere\/ca.pem", which can't be read/],
    ['DB_TLS_KEY', '/nowhere/key.pem', /DB_TLS_KEY: holds "\/nowhere\/key.pem", which can't be read/],
    ['ENCRYPTION_KEYS', 'k1:c2hvcnQ=', /ENCRYPTION_KEYS: item 1 \("k1"\) holds no key/],
  ])('does not start with a mistake in %s', async (name, value, message) => {
    const service = ServiceProcess.launch({ ...environment(), [name]: value })
    await once(service.child, 'close')
    expect(service.child.exitCode).toBe(2)
    expect(service.lines.join('\n')).toMatch(message)
  })
})
