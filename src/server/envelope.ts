import { randomUUID } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import { isCorrelationId } from '../core/correlation.ts'
import { toError } from '../core/errors.ts'
import type { TracedAnswer } from '../core/tracing.ts'
import type { ClientAddress } from './client-address.ts'
import { HttpError } from './http-error.ts'
import type { ServerPorts } from './ports.ts'
import type { ServerEnv } from './server-env.ts'
import { ANSWER_HEADERS, completeAnswer } from './answer.ts'
import { strictTransport } from './strict-transport.ts'
import { routeOf, tellRequest } from './request-report.ts'

/**
 * Gives each request its correlation id, the caller's if it sent a harmless one, and each answer its headers. Tells how
 * long it took, and makes a span of it where there is tracing.
 *
 * The id is not in the air (`correlated`) while the request is worked on: on Node.js 20 that costs a third of a publish.
 * Whoever needs it there asks for it, see `Endpoint`.
 */
export function envelope(ports: ServerPorts, clients: ClientAddress): MiddlewareHandler<ServerEnv> {
  const { tracing } = ports
  return async (c, next) => {
    const given = c.req.header('x-correlation-id') ?? c.req.header('x-request-id')
    const correlationId = isCorrelationId(given) ? given : randomUUID()
    c.set('correlationId', correlationId)
    c.set('answerHeaders', {
      ...ANSWER_HEADERS,
      ...strictTransport(c, clients),
      'x-correlation-id': correlationId,
    })
    const since = performance.now()
    await (tracing ? tracing.request(tracedRequest(c), () => traced(c, next)) : next())
    completeAnswer(c)
    tellRequest(c, ports, performance.now() - since)
  }
}

async function traced(c: Context<ServerEnv>, next: () => Promise<void>): Promise<TracedAnswer> {
  await next()
  return { status: c.res.status, route: routeOf(c), error: c.error }
}

const tracedRequest = ({ req }: Context) => ({
  method: req.method,
  url: req.url,
  header: (name: string) => req.header(name),
})

/**
 * Answers 504 where a request takes too long: what it started goes on, and its outcome is unknown to the caller. Where
 * its body has not come by then, it is 408, and nothing was started.
 */
export const timeLimit =
  (ms: number): MiddlewareHandler<ServerEnv> =>
  async (c, next) => {
    let timer: NodeJS.Timeout | undefined
    const since = performance.now()
    const expiry = new Promise<never>((_, reject) => {
      const allow = (ms: number, leftMs: number) => {
        clearTimeout(timer)
        timer = setTimeout(() => reject(c.get('receiving') ? tooSlow(ms) : expired(ms)), leftMs)
      }
      c.set('allowMs', (own) => allow(own, own - (performance.now() - since)))
      allow(ms, ms)
    })
    try {
      await Promise.race([next(), expiry])
    } catch (thrown) {
      // What is no Error would pass by all that makes an answer and a line of the log of it.
      throw toError(thrown)
    } finally {
      clearTimeout(timer)
    }
  }

export const expired = (ms: number) =>
  new HttpError(
    'REQUEST_TIMEOUT',
    `there was no result within ${ms} ms; it may still take effect, so repeat it with the same Idempotency-Key only`,
  )

const tooSlow = (ms: number) =>
  new HttpError('REQUEST_TOO_SLOW', `the body did not come within ${ms} ms; nothing was done with it`, {
    headers: { connection: 'close' },
  })
