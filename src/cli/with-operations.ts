import type { Operations } from '../core/operations.ts'
import { noLog, type Log } from '../core/service.ts'
import { suggestName, type AskedFor } from '../core/suggestions.ts'
import type { KeyRing } from '../middleware/key-ring.ts'
import type { RedisStreamLog } from '../redis/redis-log.ts'
import { CommandError } from './exit.ts'
import { given } from './given.ts'
import { NO_READER, say, type Io } from './io.ts'
import { withRedis, type RedisFlags } from './with-redis.ts'

/** What an operator's command works with. */
export interface Opened {
  readonly operations: Operations
  readonly log: RedisStreamLog
  readonly ring: KeyRing | undefined
}

export interface OperationOptions {
  /** What the command was told, so that the nearest name can be suggested for one that is not there. */
  names?: { [K in keyof AskedFor]?: AskedFor[K] | undefined }
  /** How long connecting, and each call, may take, in ms. */
  timeoutMs?: number
  /** The work heeds `io.signal` itself; without it, a command is cut off when the user has had enough. */
  stopsItself?: boolean
}

/**
 * Runs a command of an operator. It takes any Redis as it is: what would make the service refuse it, such as eviction, is
 * a warning here, since whoever is on call has to look at it all the same; a replica does for looking.
 */
export async function withOperations(
  io: Io,
  flags: RedisFlags,
  work: (opened: Opened) => Promise<void>,
  { names = {}, timeoutMs, stopsItself = false }: OperationOptions = {},
): Promise<void> {
  const limits =
    timeoutMs === undefined
      ? {}
      : { connectTimeoutMs: timeoutMs, commandTimeoutMs: timeoutMs, offlineTimeoutMs: timeoutMs }
  const options = { ...limits, allowEviction: true, log: warnings(io) }
  await withRedis(
    io,
    flags,
    async (log, ring) => {
      const { operations } = log
      const running = work({ operations, log, ring })
      const done = stopsItself ? running : unlessStopped(running, io.signal)
      await done.catch(async (error) => {
        throw await suggestName(error, given(names), operations)
      })
    },
    options,
  )
}

/** What was begun ends with its connection, which is closed next. */
async function unlessStopped(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let stop = () => {}
  const stopped = new Promise<void>((resolve, reject) => {
    // Who reads no more has got what was wanted.
    stop = () =>
      signal.reason === NO_READER ? resolve() : reject(new CommandError('stopped before it was done'))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  await Promise.race([work, stopped]).finally(() => signal.removeEventListener('abort', stop))
}

const warnings = (io: Io): Log => ({ ...noLog, warn: (_, message) => say(io, `warning: ${message}`) })
