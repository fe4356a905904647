import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { failureOf } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import type { Log } from '../core/service.ts'
import { RedisStreamLog, type RedisLogOptions } from './redis-log.ts'

const opened: RedisStreamLog[] = []

async function open(options: RedisLogOptions): Promise<RedisStreamLog> {
  const log = await RedisStreamLog.open(options)
  opened.push(log)
  return log
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((log) => log.close()))
})

describe('a server that may evict', () => {
  const { server, admin } = useRedis()

  const warnings: string[] = []
  const warn: Log['warn'] = (_fields, message) => void warnings.push(message)
  const log = { debug() {}, info() {}, warn, error() {} }
  afterEach(() => void warnings.splice(0))

  test('nothing is taken without a word', async () => {
    await admin.send(['CONFIG', 'SET', 'maxmemory-policy', 'noeviction'])
    expect((await open({ url: server.url, log })).server).toMatchObject({ evictionPolicy: 'noeviction' })
    expect(warnings).toEqual([])
  })

  test.each(['volatile-lru', 'volatile-ttl'])(
    'keys with a time to live alone is warned of: %s',
    async (policy) => {
      await admin.send(['CONFIG', 'SET', 'maxmemory-policy', policy])
      expect((await open({ url: server.url, log })).server).toMatchObject({ evictionPolicy: policy })
      expect(warnings).toEqual([expect.stringMatching(`^maxmemory-policy ${policy} .*noeviction$`)])
    },
  )

  test.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random'])('streams is refused: %s', async (policy) => {
    await admin.send(['CONFIG', 'SET', 'maxmemory-policy', policy])
    const error = await failureOf(open({ url: server.url }))
    expect(error).toMatchObject({ code: 'REDIS_UNSUITABLE', message: expect.stringContaining(policy) })
    expect(error.message).toContain('CONFIG SET maxmemory-policy noeviction')
    const clients = await admin.send<string>(['CLIENT', 'LIST'])
    expect(clients).not.toContain('millrace')
  })

  test('is accepted by name, with a warning', async () => {
    await admin.send(['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru'])
    await open({ url: server.url, allowEviction: true, log })
    expect(warnings).toEqual([expect.stringContaining('allkeys-lru')])
  })
})

describe('a server that is too old', () => {
  let fake: Server
  let info: string
  beforeAll(async () => {
    fake = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (bytes) => socket.write(answersTo(String(bytes))))
    })
    fake.listen(0, '127.0.0.1')
    await once(fake, 'listening')
  })
  afterAll(() => fake.close())

  const answersTo = (commands: string): string =>
    commands
      .split(/^\*\d+\r\n/m)
      .slice(1)
      .map((command) => {
        if (command.includes('INFO\r\n') && !command.includes('SETINFO'))
          return `$${info.length}\r\n${info}\r\n`
        return command.includes('TIME') ? '*2\r\n$1\r\n0\r\n$1\r\n0\r\n' : '+OK\r\n'
      })
      .join('')
  const url = () => `redis://127.0.0.1:${(fake.address() as AddressInfo).port}`

  test.each(['2.8.24', '5.0.14', '6.2.14'])('is refused: %s', async (version) => {
    info = `# Server\r\nredis_version:${version}\r\nmaxmemory_policy:noeviction\r\n`
    expect(await failureOf(open({ url: url() }))).toMatchObject({
      code: 'REDIS_UNSUITABLE',
      message: expect.stringContaining(`Redis ${version} is too old`),
    })
  })

  test.each(['7.0.0', '7.2.4', '8.2.1', '10.0.0'])('is not: %s', async (version) => {
    info = `# Server\r\nredis_version:${version}\r\nmaxmemory_policy:noeviction\r\n`
    expect((await open({ url: url() })).server.version).toBe(version)
  })
})
