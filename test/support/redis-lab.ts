import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { Claim, Consumer, Membership, Outcome } from '../../src/core/stream-log.ts'
import type { Log } from '../../src/core/service.ts'
import { startTestRedis, type TestServer } from '../../src/engines/test-servers.ts'
import { Connection } from '../../src/redis/connection.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { until } from './until.ts'

const GROUP = 'group'
const forEver = new AbortController().signal

export interface RedisLab {
  readonly server: TestServer
  /** A connection of the test's own. */
  readonly admin: Connection
  readonly log: RedisStreamLog
  /** A stream of this test alone. */
  readonly stream: string
  /** What was warned of. */
  readonly warnings: object[]
  /** A consumer of `group`, which leaves when the test is over. */
  join(options?: Partial<Membership>): Promise<Consumer>
  keepAlive(consumer: Consumer, everyMs: number): void
  append(count: number): Promise<string[]>
  claim(consumer: Consumer, limit?: number, waitMs?: number): Promise<Claim[]>
  claimCount(consumer: Consumer, count: number): Promise<Claim[]>
  send<T>(...args: string[]): Promise<T>
  keys(): Promise<string[]>
}

/** A server for the tests of one file, and what nearly all of them begin with. */
export function redisLab(): RedisLab {
  const lab = { warnings: [] as object[] } as unknown as { -readonly [K in keyof RedisLab]: RedisLab[K] }
  let consumers: Consumer[] = []
  let beats: NodeJS.Timeout[] = []
  let streams = 0
  const warn: Log['warn'] = (fields, message) => void lab.warnings.push({ ...fields, message })
  beforeAll(async () => {
    lab.server = await startTestRedis()
    lab.admin = await Connection.open({ url: lab.server.url }, 'test-admin')
    const log: Log = { debug: () => {}, info: () => {}, warn, error: warn }
    lab.log = await RedisStreamLog.open({ url: lab.server.url, log })
  })
  afterAll(async () => {
    await lab.log?.close()
    await lab.admin?.close()
    await lab.server?.stop()
  })
  beforeEach(() => {
    lab.stream = `lab:${streams++}`
    lab.warnings.length = 0
  })
  afterEach(async () => {
    for (const beat of beats) clearInterval(beat)
    await Promise.all(consumers.map((consumer) => consumer.leave().catch(() => {})))
    consumers = []
    beats = []
  })
  lab.join = async (options = {}) => {
    const name = `consumer-${consumers.length}`
    const consumer = await lab.log.join({ stream: lab.stream, group: GROUP, consumer: name, ...options })
    consumers.push(consumer)
    return consumer
  }
  lab.keepAlive = (consumer, everyMs) =>
    void beats.push(setInterval(() => void consumer.heartbeat().catch(() => {}), everyMs))
  lab.append = async (count) => {
    const entries = Array.from({ length: count }, (_, number) => ({ fields: ['number', String(number)] }))
    return (await lab.log.append(lab.stream, entries)) as string[]
  }
  lab.claim = (consumer, limit = 100, waitMs = 50) => consumer.claim(limit, waitMs, forEver)
  lab.claimCount = async (consumer, count) => {
    const claims: Claim[] = []
    await until(`${count} claims`, async () => {
      if (claims.length < count) claims.push(...(await lab.claim(consumer, count - claims.length)))
      return claims.length >= count
    })
    return claims
  }
  lab.send = (...args) => lab.admin.send(args)
  lab.keys = async () => (await lab.admin.send<string[]>(['KEYS', `*${lab.stream}*`])).sort()
  return lab
}

export const acknowledge = (claims: readonly { position: string }[]): Outcome[] =>
  claims.map(({ position }) => ({ kind: 'acknowledge', position }))
export const positions = (claims: readonly { position: string }[]): string[] =>
  claims.map(({ position }) => position)
