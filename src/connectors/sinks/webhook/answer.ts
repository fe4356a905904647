import { MessageProcessingError, SinkError } from '../../../core/connector-errors.ts'

/** However long a receiver wants to be left alone, in ms. */
const MAX_RETRY_AFTER_MS = 3_600_000
/** What says that the body is at fault, and not the receiver or its settings. */
const REFUSALS: ReadonlySet<number> = new Set([400, 406, 409, 411, 412, 414, 415, 416, 417, 422, 431])

/**
 * What an answer means, where it is no success.
 *
 * @param host where it came from; never the whole URL, which may hold a secret
 */
export function failureOf(
  status: number,
  retryAfter: string | undefined,
  host: string,
  now = Date.now(),
): Error {
  const retryAfterMs = retryAfterOf(retryAfter, now)
  const options = retryAfterMs === undefined ? {} : { retryAfterMs }
  const said = `${host} answered ${status}`
  if (status === 413)
    return new MessageProcessingError('EVENT_TOO_LARGE', `${said}: the request is too large for it`)
  if (REFUSALS.has(status)) return new SinkError('SINK_REFUSED', `${said}: it refuses what it was sent`)
  if (status === 429) return new SinkError('SINK_THROTTLED', `${said}: it wants fewer requests`, options)
  return new SinkError('SINK_UNAVAILABLE', `${said}: ${adviceOf(status)}`, options)
}

function adviceOf(status: number): string {
  if (status >= 500 || status === 408) return 'it is tried again'
  if (status >= 300 && status < 400) return 'redirects are not followed; set the URL that it leads to'
  if (status === 401 || status === 403) return 'check the secret and the headers; it is tried again meanwhile'
  return 'check the URL; it is tried again meanwhile'
}

/** Seconds, or a date. */
function retryAfterOf(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const ms = /^\d+$/.test(text.trim()) ? Number(text) * 1_000 : Date.parse(text) - now
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS) : undefined
}
