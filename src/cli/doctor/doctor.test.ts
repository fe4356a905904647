import { createServer, type Server } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { startTestPostgres, startTestRedis, type TestServer } from '../../engines/test-servers.ts'
import { checkNode, judgeRedis, type Check } from './doctor.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

let redis: TestServer
let postgres: TestServer
let io: CapturedIo

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([startTestRedis(), startTestPostgres()])
})
afterAll(async () => {
  await Promise.all([redis.stop(), postgres.stop()])
})
afterEach(() => io?.remove())

async function doctor(env: NodeJS.ProcessEnv): Promise<{ code: number; checks: Record<string, Check> }> {
  io = new CapturedIo({ REDIS_URL: redis.url, DATABASE_URL: postgres.url, SERVICE_PORT: '0', ...env })
  const code = await run(io, ['doctor', '--json'])
  const checks = io.json[0] as Check[]
  return { code, checks: Object.fromEntries(checks.map((check) => [check.name, check])) }
}

describe('millrace doctor', () => {
  it('finds everything in order, and warns of a Redis that keeps no file', async () => {
    const { code, checks } = await doctor({})
    expect(code).toBe(EXIT.ok)
    expect(checks['redis']).toMatchObject({
      status: 'ok',
      detail: expect.stringMatching(/^Redis 7\.\S+ \(configured\)/),
    })
    expect(checks['postgresql']).toMatchObject({ status: 'ok' })
    expect(checks['redis-persistence']).toMatchObject({
      status: 'warning',
      advice: expect.stringContaining('appendonly'),
    })
    expect(checks['clock']?.status).toBe('ok')
  })

  it('says what to do when neither Redis nor PostgreSQL answers', async () => {
    const dead = {
      REDIS_URL: 'redis://127.0.0.1:1',
      DATABASE_URL: 'postgres://postgres:geheim@127.0.0.1:1/x',
    }
    const { code, checks } = await doctor(dead)
    expect(code).toBe(EXIT.failed)
    expect(checks['redis']).toMatchObject({ status: 'failed', advice: expect.stringContaining('REDIS_URL') })
    expect(checks['postgresql']).toMatchObject({
      status: 'failed',
      advice: expect.stringContaining('DATABASE_URL'),
    })
    expect(io.stdout.text).not.toContain('geheim')
  })

  it('says that another program has the port', async () => {
    const other: Server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { checks } = await doctor({ SERVICE_PORT: String(port) })
    other.close()
    expect(checks['port']).toMatchObject({
      status: 'failed',
      advice: expect.stringContaining('SERVICE_PORT'),
    })
  })

  it('lists what is wrong with the configuration', async () => {
    const { code, checks } = await doctor({ SERVICE_PORT: 'eighty', LOG_LEVEL: 'loud' })
    expect(code).toBe(EXIT.failed)
    expect(checks['configuration']?.detail).toMatch(/SERVICE_PORT.*LOG_LEVEL/)
  })

  it('prints a line a check for people', async () => {
    io = new CapturedIo({ REDIS_URL: redis.url, DATABASE_URL: postgres.url, SERVICE_PORT: '0' })
    await run(io, ['doctor'])
    expect(io.stdout.text).toMatch(/^ok {7}node/m)
    expect(io.stdout.text).toMatch(/^warning {2}redis-persistence/m)
  })
})

describe('the judgement', () => {
  it('of a Redis that evicts, keeps no file and has another clock', () => {
    const checks = judgeRedis(
      { version: '7.0.15', evictionPolicy: 'allkeys-lru', appendOnly: false, clockSkewMs: -5_000 },
      'configured',
    )
    expect(checks.map(({ status }) => status)).toEqual(['ok', 'failed', 'warning', 'warning'])
  })

  it.each([
    ['20.18.3', 'failed'],
    ['20.19.0', 'ok'],
    ['18.20.0', 'failed'],
    ['24.1.0', 'ok'],
  ])('of Node %s', (version, status) => expect(checkNode(version).status).toBe(status))
})
