import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { createAuthority, type Certificate } from '../../../test/support/certificates.ts'
import { failureOf, until } from '../../../test/support/until.ts'
import { useOnce } from '../../../test/support/use.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import { useRedisServer } from '../../../test/support/use-redis.ts'
import type { TlsOptions } from '../../core/tls.ts'
import { askRedis } from '../../engines/ask-redis.ts'
import { freePort } from '../../engines/ports.ts'
import { findTestTls, startTestCluster, startTestRedis, type TestServer } from '../../engines/test-servers.ts'
import { Worker } from '../../worker/worker.ts'
import type { RedisOptions } from '../connection.ts'
import { RedisStreamLog } from '../redis-log.ts'
import { openConnection } from './servers.ts'

const { reason } = await findTestTls()
const close = (it: { close(): Promise<void> }) => it.close()
const lack = reason === undefined ? '' : ` (${reason})`

const ca = await createAuthority()
const stranger = await createAuthority('Stranger')
const server = await ca.issue()
const client = await ca.issue({ name: 'client' })
const elsewhereOnly = await ca.issue({ hosts: ['redis.example', '10.0.0.1'] })
const old = await ca.issue({ expired: true })
const strangers = await stranger.issue()

const startWith = (own: Certificate, clientCertificates = false) =>
  useOnce(
    () => startTestRedis({ tls: { ca: ca.ca, ...own, clientCertificates } }),
    (it) => it.stop(),
  )

/** What an attempt to connect ends with, and how soon. */
async function refusal(options: RedisOptions): Promise<Error & { code?: string }> {
  const failure = await failureOf(async () => {
    await (await openConnection({ ...options, connectTimeoutMs: 2_000 }, 'test')).close()
  })
  for (const secret of [client.key, server.key]) expect(failure.message).not.toContain(secret.slice(60, 100))
  expect(failure.message).not.toMatch(/deps\/openssl|PRIVATE|\n/)
  return failure
}

describe.skipIf(reason)(`TLS to one server${lack}`, () => {
  const open = startWith(server)
  const plain = useRedisServer()
  const mutual = startWith(server, true)
  const elsewhere = startWith(elsewhereOnly)
  const expired = startWith(old)
  const proxy = useProxy(mutual)

  test('events are published and consumed, with certificates on both sides', async () => {
    const log = await RedisStreamLog.open({ url: mutual.url, tls: { ca: ca.ca, ...client } })
    const seen: unknown[] = []
    const worker = new Worker(log, {
      stream: 'orders',
      group: 'g',
      handler: (it) => void seen.push(it.event.data),
    })
    await worker.start()
    await log.append('orders', [{ fields: ['type', 't', 'data', '"ü"'] }])
    await until('the event', () => seen.length === 1)
    await worker.stop(1_000)
    await log.close()
    expect(seen).toEqual(['ü'])
  })

  test.each<[string, () => RedisOptions]>([
    ['a URL with rediss', () => ({ url: open.url, tls: { ca: ca.ca } })],
    ['a URL without it, and tls', () => ({ url: open.url.replace('rediss', 'redis'), tls: { ca: ca.ca } })],
    [
      'a bundle of authorities as bytes',
      () => ({ url: open.url, tls: { ca: Buffer.from(stranger.ca + '\n' + ca.ca) } }),
    ],
    ['a host name', () => ({ url: open.url.replace('127.0.0.1', 'localhost'), tls: { ca: ca.ca } })],
    [
      'a name that the certificate has, and the host does not',
      () => ({ url: elsewhere.url, tls: { ca: ca.ca, serverName: 'redis.example' } }),
    ],
  ])('%s', async (_, options) => {
    const connection = await openConnection(options(), 'test')
    expect(await connection.send(['PING'])).toBe('PONG')
    await connection.close()
  })

  const trusting = { ca: ca.ca }
  test.each<[string, () => RedisOptions, RegExp]>([
    ['an authority nobody named', () => ({ url: open.url }), /signed by nobody who is trusted.*REDIS_TLS_CA/],
    ['another authority', () => ({ url: open.url, tls: { ca: stranger.ca } }), /REDIS_TLS_CA/],
    ['an expired certificate', () => ({ url: expired.url, tls: trusting }), /has expired. Renew/],
    ['another host', () => ({ url: elsewhere.url, tls: trusting }), /does not match.*subjectAltName/],
    [
      'another name',
      () => ({ url: open.url, tls: { ...trusting, serverName: 'redis.example' } }),
      /does not match/,
    ],
    ['no certificate of ours', () => ({ url: mutual.url, tls: trusting }), /required. .*give REDIS_TLS_CERT/],
    [
      'a certificate of ours from elsewhere',
      () => ({ url: mutual.url, tls: { ...trusting, ...strangers } }),
      /unknown ca. The server does not accept our certificate/,
    ],
    [
      'an expired certificate of ours',
      () => ({ url: mutual.url, tls: { ...trusting, ...old } }),
      /expired. The server does not accept our certificate/,
    ],
    [
      'no TLS where it is wanted',
      () => ({ url: open.url.replace('rediss', 'redis') }),
      /Does that port want TLS/,
    ],
    [
      'TLS where there is none',
      () => ({ url: plain.url.replace('redis', 'rediss'), tls: trusting }),
      /no answer within 2000 ms.*do both ends speak TLS/,
    ],
  ])('%s: a clear error, and no wait without end', async (_, options, message) => {
    const { code, message: said } = await refusal(options())
    expect(code).toBe('REDIS_UNAVAILABLE')
    expect(said).toMatch(message)
  })

  test('no variable of the environment switches the check off', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    try {
      expect(await refusal({ url: open.url, tls: { ca: stranger.ca } })).toMatchObject({
        code: 'REDIS_UNAVAILABLE',
      })
    } finally {
      vi.unstubAllEnvs()
    }
  })

  test('after a cut it comes back by itself', async () => {
    const url = proxy.url('rediss')
    const connection = await openConnection({ url, tls: { ca: ca.ca, ...client } }, 'test')
    const first = connection.serverOf('x').epoch
    proxy.cut()
    await until('the new socket', async () => (await connection.send(['PING'])) === 'PONG')
    expect(connection.serverOf('x').epoch).toBeGreaterThan(first)
    await connection.close()
  })

  test.each<[string, TlsOptions, string[]]>([
    ['what is no PEM', { ca: 'no', cert: 'no', key: 'secret-4711' }, ['tls.ca', 'tls.cert', 'tls.key']],
    ['a certificate without its key', { cert: client.cert }, ['tls.key']],
    ['the key of another', { cert: client.cert, key: server.key }, ['tls.key']],
    ['a key for a certificate', { ca: client.key }, ['tls.ca']],
    ['an address for a name', { serverName: '10.0.0.1' }, ['tls.serverName']],
    ['what is no text', { ca: 5 as unknown as string }, ['tls.ca']],
  ])('%s is refused before anything is connected, every mistake at once', async (_, tls, paths) => {
    for (const given of [tls, () => tls]) {
      const failure = await failureOf(openConnection({ url: 'rediss://nowhere', tls: given }, 'test'))
      expect(failure).toMatchObject({ code: 'CONFIGURATION_INVALID' })
      expect((failure as unknown as { issues: { path: string }[] }).issues.map(({ path }) => path)).toEqual(
        paths,
      )
      expect(failure.message).not.toMatch(/4711|BEGIN/)
    }
  })
})

describe.skipIf(reason)(`certificates that change${lack}`, () => {
  const tls = { ca: ca.ca, ...server, clientCertificates: true }
  const rotating = useOnce(
    () => startTestRedis({ tls }),
    (it) => it.stop(),
  )
  let ours: TlsOptions = { ca: ca.ca, ...client }
  const log = useOnce(() => RedisStreamLog.open({ url: rotating.url, tls: () => ours }), close)

  test('count for the connections that are made from then on', async () => {
    const publish = async () => (await log.append('s', [{ fields: ['type', 't'] }]))[0]
    expect(await publish()).toEqual(expect.any(String))
    Object.assign(tls, { ca: stranger.ca, ...(await stranger.issue()) })
    await rotating.restart()
    const failure = await until('the old trust to fail', () =>
      log.ping().then(
        () => undefined,
        (it: Error) => it,
      ),
    )
    expect(failure.message).toMatch(/no connection to Redis|reply of Redis was lost/)
    ours = { ca: stranger.ca, ...(await stranger.issue()) }
    await until('the new trust', () => log.ping())
    expect(await publish()).toEqual(expect.any(String))
  })
})

describe.skipIf(reason)(`TLS to a cluster${lack}`, () => {
  const cluster = useOnce(
    () => startTestCluster({ masters: 2, replicasPerMaster: 0 }),
    (it) => it.stop(),
  )

  test('every node is reached with it', async () => {
    const addressMap: Record<string, string> = {}
    for (const node of cluster.servers)
      addressMap[`127.0.0.1:${node.port}`] = `127.0.0.1:${await listenWithTls(node)}`
    const log = await RedisStreamLog.open({
      cluster: { nodes: Object.values(addressMap) },
      addressMap,
      tls: { ca: ca.ca, ...client },
    })
    for (const stream of ['a', 'b', 'c', 'd'])
      expect((await log.append(stream, [{ fields: ['type', 't'] }]))[0]).toEqual(expect.any(String))
    await log.close()
    const wrong = { cluster: { nodes: Object.values(addressMap) }, addressMap, tls: { ca: ca.ca } }
    expect((await refusal(wrong)).message).toContain('REDIS_TLS_CERT')
  })

  /** Beside its plain port, over which the nodes and the test talk. */
  async function listenWithTls(node: TestServer): Promise<number> {
    const port = await freePort()
    const files = { 'tls-ca-cert-file': ca.ca, 'tls-cert-file': server.cert, 'tls-key-file': server.key }
    const settings = Object.entries(files).flatMap(([name, text]) => {
      const path = join(node.dir, name)
      writeFileSync(path, text)
      return [name, path]
    })
    await askRedis(node.port, ['CONFIG', 'SET', ...settings, 'tls-port', String(port)])
    return port
  }
})
