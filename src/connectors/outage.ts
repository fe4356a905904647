import { ConfigurationError, MessageProcessingError, SinkError } from '../core/connector-errors.ts'

/** What says of itself that no event is to blame: the network, the disk, the process at its limits. */
const OUTAGES: ReadonlySet<unknown> = new Set([
  'EAI_AGAIN',
  'EACCES',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EDQUOT',
  'EHOSTUNREACH',
  'EIO',
  'EMFILE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENFILE',
  'ENOSPC',
  'ENOTFOUND',
  'EPIPE',
  'EROFS',
  'ETIMEDOUT',
  'CIRCUIT_OPEN',
  'DATABASE_UNAVAILABLE',
  'REDIS_UNAVAILABLE',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
])

/** How deep a chain of causes is looked through. */
const MAX_CAUSES = 5

/** Whether the sink as a whole could not write, so that the same events are to be written again. */
export function isOutage(error: Error): boolean {
  if (error instanceof MessageProcessingError) return false
  if (error instanceof ConfigurationError) return true
  if (error instanceof SinkError) return error.code !== 'SINK_REFUSED'
  let cause: unknown = error
  for (let depth = 0; cause instanceof Error && depth < MAX_CAUSES; depth++) {
    if (OUTAGES.has((cause as { code?: unknown }).code)) return true
    cause = cause.cause
  }
  return false
}
