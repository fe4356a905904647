import { randomUUID } from 'node:crypto'
import { afterEach } from 'vitest'
import { z } from 'zod'
import type { Log } from '../../src/core/service.ts'
import type { TestServer } from '../../src/engines/test-servers.ts'
import type { Connection } from '../../src/redis/connection.ts'
import { RedisStreamLog, type RedisLogOptions } from '../../src/redis/redis-log.ts'
import { slotPrefix } from '../../src/redis/slots.ts'
import { rpc, type Answer } from '../../src/rpc/contract.ts'
import { RpcClient, type RpcOptions } from '../../src/rpc/rpc-client.ts'
import { toObject } from './worker-lab.ts'

/** Short, so that tests need not wait for long, and long enough for a heartbeat every third of it on a busy machine. */
export const DEAD_AFTER_MS = 900

/** What all tests of requests ask: a text, answered by a text. */
export const echo = <const A extends Answer = 'one'>(stream: string, answer?: A) =>
  rpc('echo', {
    stream,
    request: z.object({ text: z.string() }),
    reply: z.object({ text: z.string() }),
    errors: { UNKNOWN: z.object({ text: z.string() }) },
    ...(answer && { answer }),
    timeout: 10_000,
  })

export interface ResponderChildOptions {
  url: string
  stream: string
  /** `hang` never ends what it starts, `slow` takes a while, `parts` hangs after three; `requester` asks once instead. */
  mode: 'hang' | 'slow' | 'parts' | 'requester'
}

export type ResponderLine = { start?: string; end?: string; ready?: true }

/** One end, with connections of its own, as another process would have them. */
export interface End {
  readonly calls: RpcClient
  readonly log: RedisStreamLog
  /** What was said to whoever operates it. */
  readonly lines: object[]
  close(deadlineMs?: number): Promise<void>
}

export interface RpcLab {
  /** Of this test alone. */
  readonly stream: string
  open(options?: RpcOptions, redis?: Partial<RedisLogOptions>): Promise<End>
  send<T>(...args: string[]): Promise<T>
  /** The keys of the stream and beside it, without those of ends that are open. */
  keys(): Promise<string[]>
  entries(stream: string): Promise<Record<string, string>[]>
}

/** A stream of requests for each test, and the ends of it, which are closed with the test. */
export function rpcLab(server: TestServer, admin: Connection): RpcLab {
  const ends: End[] = []
  let stream = `rpc:${randomUUID()}`
  afterEach(async () => {
    await Promise.all(ends.splice(0).map((end) => end.close()))
    stream = `rpc:${randomUUID()}`
  })
  const send = <T>(...args: string[]) => admin.send<T>(args)
  return {
    get stream() {
      return stream
    },
    send,
    async open(options = {}, redis = {}) {
      const lines: object[] = []
      const add = (fields: object, message: string) => void lines.push({ ...fields, message })
      const lineLog: Log = { debug: () => {}, info: () => {}, warn: add, error: add }
      const log = await RedisStreamLog.open({ url: server.url, ...redis })
      const calls = new RpcClient(log, log.rpc, { log: lineLog, ...options })
      let closing: Promise<void> | undefined
      const close = async (deadlineMs = 1_000) => {
        await calls.close(deadlineMs)
        await log.close()
      }
      const end: End = { calls, log, lines, close: (deadlineMs) => (closing ??= close(deadlineMs)) }
      ends.push(end)
      return end
    },
    async keys() {
      const all = await send<string[]>('KEYS', '*')
      return all.filter((key) => key === stream || key.startsWith(slotPrefix(stream))).sort()
    },
    async entries(name) {
      const rows = await send<[string, string[]][]>('XRANGE', name, '-', '+')
      return rows.map(([, fields]) => toObject(fields))
    },
  }
}
