import { DEFAULT_REPLICATION_MS } from '../../core/durability.ts'
import { MillraceError } from '../../core/errors.ts'
import type { Durability } from '../../core/stream-log.ts'
import type { Connection, Sender } from '../connection.ts'
import { writeBatch, type Sized } from './batch.ts'

/** What the answer may take beyond the time that replicas have. */
const REPLY_GRACE_MS = 2_000

/**
 * Writes one batch, and answers when enough replicas have it, or after the time that they have. All on one socket: asked
 * on another one, Redis would answer for what was written there, which may be nothing.
 */
export function writeDurably(
  connection: Connection,
  stream: string,
  entries: readonly Sized[],
  ttlMs: number,
  durability: Durability,
): Promise<(string | MillraceError)[]> {
  return connection.together(stream, async (socket) => {
    const results = await writeBatch(socket, stream, entries, ttlMs)
    const replicas = await confirmations(socket, durability)
    if (replicas >= durability.replicas) return results
    return results.map((result) =>
      typeof result === 'string' ? notReplicated(result, replicas, durability) : result,
    )
  })
}

/** What is written and not confirmed is uncertain, whatever the reason: the master may have become a replica meanwhile. */
async function confirmations(socket: Sender, durability: Durability): Promise<number> {
  const { replicas, timeoutMs = DEFAULT_REPLICATION_MS } = durability
  try {
    const args = ['WAIT', String(replicas), String(timeoutMs)]
    return await socket.send<number>(args, timeoutMs + REPLY_GRACE_MS)
  } catch (cause) {
    const message = `the entry was written, and whether replicas have it is not known: ${(cause as Error).message}`
    throw new MillraceError('REDIS_UNCERTAIN', message, { cause })
  }
}

function notReplicated(position: string, replicas: number, wanted: Durability): MillraceError {
  const { timeoutMs = DEFAULT_REPLICATION_MS } = wanted
  const had = `${replicas} of ${wanted.replicas} replicas had it within ${timeoutMs} ms`
  return new MillraceError(
    'PUBLISH_NOT_REPLICATED',
    `the event is written at ${position}, but ${had}: a failover may lose it. With an idempotency key it can be published again`,
  )
}
