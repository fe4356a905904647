import { setImmediate as nextTurn } from 'node:timers/promises'
import { DEFAULT_REPLICATION_MS } from '../../core/durability.ts'
import { MillraceError } from '../../core/errors.ts'
import type { Durability } from '../../core/stream-log.ts'
import type { Connection, Sender } from '../connection.ts'
import { writeBatch, type Sized, type WriteOptions } from './batch.ts'

/** What the answer may take beyond the time that replicas have. */
const REPLY_GRACE_MS = 2_000

/**
 * Writes batches, and answers when enough replicas have them, or after the time that they have. All of it on one socket:
 * asked on another one, Redis would answer for what was written there, which may be nothing.
 */
export class DurableWrites {
  readonly #connection: Connection
  readonly #lines = new WeakMap<object, Confirmations>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  write(
    stream: string,
    entries: readonly Sized[],
    options: WriteOptions,
    durability: Durability,
  ): Promise<(string | MillraceError)[]> {
    return this.#connection.together(stream, async (socket) => {
      const confirmations = this.#of(socket.line)
      if (durability.fsync) await confirmations.checkFsync(socket)
      await confirmations.free()
      const results = await writeBatch(socket, stream, entries, { ...options, rewrites: true })
      const confirmed = await confirmations.confirm(socket, durability)
      if (isEnough(confirmed, durability)) return results
      return results.map((result) =>
        typeof result === 'string' ? notReplicated(result, confirmed, durability) : result,
      )
    })
  }

  #of(line: object): Confirmations {
    let known = this.#lines.get(line)
    if (!known) this.#lines.set(line, (known = new Confirmations()))
    return known
  }
}

/**
 * The WAITs of one socket. Redis holds up everything behind one, so what was written by the time that it is sent shares
 * it, and what comes later is written after it: with replicas that don't answer, nobody waits for more than two.
 */
class Confirmations {
  #fsync: Promise<void> | undefined
  #last: Promise<unknown> = Promise.resolve()
  /** Those that are not sent yet. */
  readonly #next = new Map<string, Promise<Confirmed>>()

  /** Resolves when nothing that is sent now would wait behind a WAIT. */
  async free(): Promise<void> {
    for (let seen: unknown; seen !== this.#last;) {
      seen = this.#last
      await seen
    }
  }

  /**
   * Refuses a server that can not tell what is on its disk, before anything is written there.
   *
   * @throws MillraceError `REDIS_UNSUITABLE`
   */
  checkFsync(socket: Sender): Promise<void> {
    this.#fsync ??= checkFsync(socket).catch((error: unknown) => {
      this.#fsync = undefined
      throw error
    })
    return this.#fsync
  }

  /** Who has what was written on this socket before. */
  confirm(socket: Sender, durability: Durability): Promise<Confirmed> {
    const key = JSON.stringify([durability.replicas, durability.fsync, durability.timeoutMs])
    const known = this.#next.get(key)
    if (known) return known
    const next = this.#last.then(async () => {
      // Those whose replies were read at once share it.
      await nextTurn()
      this.#next.delete(key)
      return ask(socket, durability)
    })
    this.#next.set(key, next)
    this.#last = next.catch(() => {})
    return next
  }
}

interface Confirmed {
  replicas: number
  /** Whether the disk of the master has it; true where nobody asked. */
  onDisk: boolean
}

const isEnough = ({ replicas, onDisk }: Confirmed, wanted: Durability): boolean =>
  replicas >= wanted.replicas && onDisk

async function checkFsync(socket: Sender): Promise<void> {
  const [known] = await socket.send<unknown[]>(['COMMAND', 'INFO', 'WAITAOF'])
  const keepsFile = /^aof_enabled:1/m.test(await socket.send<string>(['INFO', 'persistence']))
  if (known && keepsFile) return
  const lacks = known ? 'keeps no append-only file' : 'does not know WAITAOF: it takes Valkey, or Redis 7.2'
  throw new MillraceError('REDIS_UNSUITABLE', `durability with fsync is not possible: the server ${lacks}`)
}

/** What is written and not confirmed is uncertain, whatever the reason: the master may have become a replica meanwhile. */
async function ask(socket: Sender, durability: Durability): Promise<Confirmed> {
  const { replicas, fsync, timeoutMs = DEFAULT_REPLICATION_MS } = durability
  const args = [String(replicas), String(timeoutMs)]
  const deadlineMs = timeoutMs + REPLY_GRACE_MS
  try {
    if (!fsync) return { replicas: await socket.send<number>(['WAIT', ...args], deadlineMs), onDisk: true }
    const [disks, count] = await socket.send<[number, number]>(['WAITAOF', '1', ...args], deadlineMs)
    return { replicas: count, onDisk: disks === 1 }
  } catch (cause) {
    const message = `the entry was written, and whether replicas have it is not known: ${(cause as Error).message}`
    throw new MillraceError('REDIS_UNCERTAIN', message, { cause })
  }
}

function notReplicated(position: string, confirmed: Confirmed, wanted: Durability): MillraceError {
  const { timeoutMs = DEFAULT_REPLICATION_MS } = wanted
  const where = confirmed.onDisk ? '' : 'the disk of the master did not have it, and '
  const had = `${where}${confirmed.replicas} of ${wanted.replicas} replicas had it within ${timeoutMs} ms`
  return new MillraceError(
    'PUBLISH_NOT_REPLICATED',
    `the event is written at ${position}, but ${had}: a failover may lose it. With an idempotency key it can be published again`,
  )
}
