import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAuthority } from '../../../test/support/certificates.ts'
import { loadConfig } from '../../config/config.ts'
import type { InvalidError } from '../../core/errors.ts'
import { tlsOptionsOf } from '../../core/tls.ts'
import { databaseTls, redisTls } from './tls.ts'

const ca = await createAuthority()
const client = await ca.issue()
const next = await ca.issue()

let cwd: string
beforeEach(() => void (cwd = mkdtempSync(join(tmpdir(), 'millrace-test-tls-'))))
afterEach(() => rmSync(cwd, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(cwd, name)
  writeFileSync(path, text)
  return path
}

const config = (env: Record<string, string>) => loadConfig(env, { cwd, version: '1' })
const onRedis = (env: Record<string, string>) => redisTls(config({ REDIS_URL: 'rediss://cache', ...env }))
const CLUSTER = { REDIS_URL: '', REDIS_CLUSTER_NODES: 'a:1' }

describe('TLS as it is configured', () => {
  it('is nothing beyond the URL where no file is named', () => {
    expect(onRedis({})).toEqual({})
    expect(databaseTls(config({ DATABASE_URL: 'postgres://db/x' }))).toEqual({})
  })

  it.each<[string, Record<string, string>]>([
    ['a URL with rediss', {}],
    ['a variable', { REDIS_URL: 'redis://cache', REDIS_TLS_ENABLED: 'true' }],
    ['a variable beside a cluster', { ...CLUSTER, REDIS_TLS_ENABLED: 'true' }],
  ])('is switched on by %s, and takes the files', (_, env) => {
    const files = {
      REDIS_TLS_CA: file('ca', ca.ca),
      REDIS_TLS_CERT: file('cert', client.cert),
      REDIS_TLS_KEY: file('key', client.key),
    }
    expect(tlsOptionsOf(onRedis({ ...env, ...files }).tls!)).toEqual({
      ca: Buffer.from(ca.ca),
      cert: Buffer.from(client.cert),
      key: Buffer.from(client.key),
    })
  })

  it('warns of files that nobody uses, since TLS is off', () => {
    const path = file('ca', ca.ca)
    expect(config({ REDIS_URL: 'redis://cache', REDIS_TLS_CA: path }).warnings).toEqual([
      'REDIS_TLS_CA is set and not used, since TLS is off: set REDIS_TLS_ENABLED to true, or begin REDIS_URL with rediss:',
    ])
    expect(config({ DATABASE_URL: 'postgres://db/x', DB_TLS_KEY: path }).warnings).toEqual([
      'DB_TLS_KEY is set and not used, since TLS is off: set DB_TLS_ENABLED to true',
    ])
    expect(redisTls(config({ REDIS_URL: 'redis://cache', REDIS_TLS_CA: '/nowhere' }))).toEqual({})
    expect(config({ REDIS_URL: 'rediss://cache', REDIS_TLS_CA: path }).warnings).toEqual([])
  })

  it('names the variable of every file that can not be used, and shows nothing of what they hold', () => {
    const failures = [
      { REDIS_TLS_CA: join(cwd, 'none'), REDIS_TLS_CERT: cwd },
      { REDIS_TLS_CA: file('garbage', 'secret-4711') },
      { REDIS_TLS_CERT: file('cert', client.cert) },
      { REDIS_TLS_CERT: file('cert', client.cert), REDIS_TLS_KEY: file('key', next.key) },
    ].map((env) => {
      try {
        onRedis(env as Record<string, string>)
      } catch (error) {
        return error as InvalidError
      }
      throw new Error('it was taken')
    })
    expect(failures.map(({ issues }) => issues.map(({ path }) => path))).toEqual([
      ['REDIS_TLS_CA', 'REDIS_TLS_CERT'],
      ['REDIS_TLS_CA'],
      ['REDIS_TLS_KEY'],
      ['REDIS_TLS_KEY'],
    ])
    expect(failures[0]!.message).toContain(`holds "${join(cwd, 'none')}", which can't be read (ENOENT)`)
    expect(failures.map(({ message }) => message).join()).not.toMatch(/4711|BEGIN/)
    expect(() =>
      databaseTls(config({ DATABASE_URL: 'postgres://db/x', DB_TLS_ENABLED: 'true', DB_TLS_CA: 'none' })),
    ).toThrow(/DB_TLS_CA: holds "none"/)
  })

  it('reads files anew, and stays with the old ones until all of the new are there', () => {
    const env = { REDIS_TLS_CERT: file('cert', client.cert), REDIS_TLS_KEY: file('key', client.key) }
    const { tls } = onRedis(env)
    const shown = () => tlsOptionsOf(tls!).cert?.toString()
    file('cert', next.cert)
    expect(shown()).toBe(Buffer.from(client.cert).toString())
    file('key', next.key)
    expect(shown()).toBe(Buffer.from(next.cert).toString())
    rmSync(join(cwd, 'cert'))
    expect(shown()).toBe(Buffer.from(next.cert).toString())
  })
})
