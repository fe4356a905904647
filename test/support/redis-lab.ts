import { afterEach, beforeEach } from 'vitest'
import type { Claim, Consumer, Membership, Outcome } from '../../src/core/stream-log.ts'
import type { Log } from '../../src/core/service.ts'
import type { TestServer } from '../../src/engines/test-servers.ts'
import type { Connection } from '../../src/redis/connection.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { until } from './until.ts'
import { useRedis } from './use-redis.ts'
import { useOnce } from './use.ts'

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
  const { server, admin } = useRedis()
  const warnings: object[] = []
  const warn: Log['warn'] = (fields, message) => void warnings.push({ ...fields, message })
  const messages: Log = { debug: () => {}, info: () => {}, warn, error: warn }
  const log = useOnce(
    () => RedisStreamLog.open({ url: server.url, log: messages }),
    (it) => it.close(),
  )
  const consumers: Consumer[] = []
  const beats: NodeJS.Timeout[] = []
  let streams = 0
  beforeEach(() => {
    streams++
    warnings.length = 0
  })
  afterEach(async () => {
    for (const beat of beats.splice(0)) clearInterval(beat)
    await Promise.all(consumers.splice(0).map((consumer) => consumer.leave().catch(() => {})))
  })
  const claim: RedisLab['claim'] = (consumer, limit = 100, waitMs = 50) =>
    consumer.claim(limit, waitMs, forEver)
  return {
    server,
    admin,
    log,
    warnings,
    claim,
    get stream() {
      return `lab:${streams}`
    },
    async join(options = {}) {
      const name = `consumer-${consumers.length}`
      const consumer = await log.join({ stream: this.stream, group: GROUP, consumer: name, ...options })
      consumers.push(consumer)
      return consumer
    },
    keepAlive: (consumer, everyMs) =>
      void beats.push(setInterval(() => void consumer.heartbeat().catch(() => {}), everyMs)),
    async append(count) {
      const entries = Array.from({ length: count }, (_, number) => ({ fields: ['number', String(number)] }))
      return (await log.append(this.stream, entries)) as string[]
    },
    async claimCount(consumer, count) {
      const claims: Claim[] = []
      await until(`${count} claims`, async () => {
        if (claims.length < count) claims.push(...(await claim(consumer, count - claims.length)))
        return claims.length >= count
      })
      return claims
    },
    send: (...args) => admin.send(args),
    keys: async () => (await admin.send<string[]>(['KEYS', `*lab:${streams}*`])).sort(),
  }
}

export const acknowledge = (claims: readonly { position: string }[]): Outcome[] =>
  claims.map(({ position }) => ({ kind: 'acknowledge', position }))
export const positions = (claims: readonly { position: string }[]): string[] =>
  claims.map(({ position }) => position)
