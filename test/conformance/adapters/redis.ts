import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection, RedisOptions } from '../../../src/redis/connection.ts'
import { COPY_FIELDS, inletKey } from '../../../src/redis/keys.ts'
import { RedisStreamLog } from '../../../src/redis/redis-log.ts'
import type { OpenLog, OpenOptions, StreamLogAdapter } from '../../../src/testing/conformance/adapter.ts'
import { useOnce } from '../../support/use.ts'

/** A Redis of any kind: one server, Sentinel or Cluster. */
export interface RedisUnderTest {
  name: string
  /** How the log connects; asked when one is opened, since the servers start with the first test. */
  options(): RedisOptions
  /** Past the log that is tested. */
  admin: Connection
  /** Ends the servers and starts them with what they had, where they keep it. */
  restart?(): Promise<void>
}

/** From then on no member is handed entries; see GroupControl. */
const PAUSE_NOTICED_MS = 1_000

/** The log on Redis, with all that can be done to it; most cases share one, as the parts of a program do. */
export function redisAdapter(redis: RedisUnderTest): StreamLogAdapter {
  const openLog = (options: OpenOptions = {}) => RedisStreamLog.open({ ...redis.options(), ...options })
  const shared = useOnce(openLog, (log) => log.close())
  const openPeer = async () => closing(await openLog())
  return {
    name: redis.name,
    async open(options) {
      const opened =
        options.idempotencyTtlMs === undefined
          ? { log: shared, close: async () => {} }
          : closing(await openLog(options))
      return { ...controls(redis, opened.log), ...opened, openPeer }
    },
    features: {
      deleteStream: true,
      deleteGroup: true,
      trim: true,
      readAsStranger: true,
      pause: true,
      inlet: true,
      peers: true,
      disconnect: true,
      restart: redis.restart !== undefined,
      idempotencyTtl: true,
    },
  }
}

const closing = (log: RedisStreamLog) => ({ log, close: () => log.close() })

function controls({ admin, restart }: RedisUnderTest, log: RedisStreamLog): Omit<OpenLog, 'log' | 'close'> {
  const send = (...command: string[]) => admin.send(command)
  return {
    deleteStream: async (stream) => void (await send('DEL', stream)),
    deleteGroup: async (stream, group) => void (await send('XGROUP', 'DESTROY', stream, group)),
    trim: async (stream, minPosition) => void (await send('XTRIM', stream, 'MINID', minPosition)),
    readAsStranger: (stream, group, consumer, limit) =>
      send('XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(limit), 'STREAMS', stream, '>'),
    async pauseGroup(stream, group) {
      await log.operations.control.pause(stream, group)
      await sleep(PAUSE_NOTICED_MS)
    },
    resumeGroup: (stream, group) => log.operations.control.resume(stream, group),
    copyToGroup(stream, group, fields, { position, cause }) {
      const copyOf = [COPY_FIELDS.position, position, COPY_FIELDS.cause, cause]
      return send('XADD', inletKey(stream, group), '*', ...fields, ...copyOf)
    },
    async disconnect() {
      const kill = ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']
      await Promise.all(admin.masters().map((server) => server.send(kill)))
    },
    ...(restart && { restart }),
  }
}
