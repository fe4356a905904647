import * as fc from 'fast-check'
import type { Connection } from '../../src/redis/connection.ts'
import { inletKey, COPY_FIELDS } from '../../src/redis/keys.ts'
import { RedisGroupControl } from '../../src/redis/operations/group-control.ts'
import type { StreamLog } from '../../src/core/stream-log.ts'
import { MemoryStreamLog } from '../../src/testing/memory-log.ts'
import { hours, startTime, stopTime } from './clock.ts'
import { compareAll } from './ending.ts'
import { Known } from './known.ts'
import { Pair } from './pair.ts'
import { Side, type Controls } from './side.ts'
import { steps } from './steps/all.ts'

export const IDEMPOTENCY_TTL_MS = hours(2.5)

let runs = 0

/** One run of steps on both logs, on streams of its own. */
export function property(log: StreamLog, server: Connection) {
  return fc.asyncProperty(steps, async (commands) => {
    stopTime()
    const pair = openPair(log, server)
    try {
      const known = new Known()
      await fc.asyncModelRun(() => ({ model: known, real: pair }), commands)
      await compareAll(known, pair)
    } finally {
      await close(pair)
      startTime()
    }
  })
}

function openPair(log: StreamLog, server: Connection): Pair {
  const memory = new MemoryStreamLog({ idempotencyTtlMs: IDEMPOTENCY_TTL_MS })
  const prefix = `{run-${++runs}}`
  const stream = `${prefix}stream`
  const redis = new Side('Redis', stream, log, redisControls(server))
  return new Pair(new Side('memory', stream, memory, memory), redis, server, prefix)
}

/** Consumers have connections of their own, and keys would only be in the way of the next runs. */
async function close({ redis, server, prefix }: Pair): Promise<void> {
  await Promise.all([...redis.joined.values()].map(({ consumer }) => consumer.leave()))
  const keys = await server.send<string[]>(['KEYS', `${prefix}*`])
  if (keys.length > 0) await server.send(['DEL', ...keys])
}

const redisControls = (server: Connection): Controls => ({
  deleteStream: (stream) => server.send(['DEL', stream]),
  deleteGroup: (stream, group) =>
    server.send(['XGROUP', 'DESTROY', stream, group]).catch((error: Error) => {
      if (!/key to exist/.test(error.message)) throw error
    }),
  trim: (stream, minPosition) => server.send(['XTRIM', stream, 'MINID', minPosition]),
  pauseGroup: (stream, group) => new RedisGroupControl(server).pause(stream, group),
  resumeGroup: (stream, group) => new RedisGroupControl(server).resume(stream, group),
  async copyToGroup(stream, group, fields, { position, cause }) {
    const copy = [COPY_FIELDS.position, position, COPY_FIELDS.cause, cause]
    const id = await server.send<string>(['XADD', inletKey(stream, group), '*', ...fields, ...copy])
    return `inlet/${id}`
  },
})
