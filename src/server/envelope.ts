import { randomUUID } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { HttpError } from './http-error.ts'

/** What handlers find in the context of a request. */
export interface ServerEnv {
  Variables: { correlationId: string }
}

/** For an API, whose answers no browser should run, frame or keep. The documents set their own policy. */
const HEADERS: readonly (readonly [string, string])[] = [
  ['cache-control', 'no-store'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['cross-origin-resource-policy', 'same-origin'],
  ['referrer-policy', 'no-referrer'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
]

const CORRELATION_ID = /^[\w.:/+=@-]{1,128}$/

/** Gives each request its correlation id, the caller's if it sent a harmless one, and each answer its headers. */
export const envelope: MiddlewareHandler<ServerEnv> = async (c, next) => {
  const given = c.req.header('x-correlation-id') ?? c.req.header('x-request-id')
  const correlationId = given !== undefined && CORRELATION_ID.test(given) ? given : randomUUID()
  c.set('correlationId', correlationId)
  await next()
  const { headers } = c.res
  headers.set('x-correlation-id', correlationId)
  for (const [name, value] of HEADERS) if (!headers.has(name)) headers.set(name, value)
}

/** Answers 504 where a request takes too long. What it started goes on, and its outcome is unknown to the caller. */
export const timeLimit =
  (ms: number): MiddlewareHandler =>
  async (_, next) => {
    let timer: NodeJS.Timeout | undefined
    const expiry = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(expired(ms)), ms)
    })
    try {
      await Promise.race([next(), expiry])
    } finally {
      clearTimeout(timer)
    }
  }

const expired = (ms: number) =>
  new HttpError(
    'REQUEST_TIMEOUT',
    `there was no result within ${ms} ms; it may still take effect, so repeat it with the same Idempotency-Key only`,
  )
