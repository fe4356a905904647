import type { MiddlewareHandler } from 'hono'
import { HttpError } from './http-error.ts'
import type { ServerPorts } from './ports.ts'

/** What may be under way at once. */
export interface InFlightLimits {
  requests: number
  /** Of all their bodies together, as they were declared. */
  bodyBytes: number
}

/** In how many seconds there may well be room again. */
const RETRY_AFTER = '1'

/**
 * Refuses what would bring something in (POST) while the process has enough to do, before it reads the body. Health,
 * metrics and whatever only asks are answered on; and so is what an operator changes, since that may be the remedy.
 *
 * @param largestBody what a request without a declared length may become, in bytes
 */
export function refuseOverload(
  { overload }: Pick<ServerPorts, 'overload'>,
  limits: InFlightLimits,
  largestBody: number,
): MiddlewareHandler {
  let requests = 0
  let bytes = 0
  const reasonFor = (size: number): string | undefined => {
    if (requests >= limits.requests) return `${requests} requests are under way`
    if (requests > 0 && bytes + size > limits.bodyBytes) return `requests of ${bytes} bytes are under way`
    return overload?.()
  }
  return async (c, next) => {
    if (c.req.method !== 'POST' || c.req.path.startsWith(ADMIN)) return next()
    const size = Math.min(Number(c.req.header('content-length') ?? largestBody) || 0, largestBody)
    const reason = reasonFor(size)
    if (reason !== undefined) throw overloaded(reason)
    requests++
    bytes += size
    try {
      await next()
    } finally {
      requests--
      bytes -= size
    }
  }
}

const ADMIN = '/api/admin/'

const overloaded = (reason: string) =>
  new HttpError('OVERLOADED', `${reason}, which is all that this instance can do; send it again soon`, {
    headers: { 'retry-after': RETRY_AFTER },
  })
