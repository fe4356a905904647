import type { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { InvalidError, MillraceError } from '../../core/errors.ts'
import { suggestName, type AskedFor } from '../../core/suggestions.ts'
import { mayStill } from '../access.ts'
import { answerJson } from '../answer.ts'
import { addEndpoint, type Endpoint, type Input, type ServerApp } from '../endpoint.ts'
import { HttpError } from '../http-error.ts'
import type { ServerPorts } from '../ports.ts'
import type { ServerEnv } from '../server-env.ts'
import type { AdminPorts } from './admin-ports.ts'
import { eventStream, type StreamedEvent } from './event-stream.ts'
import type { Looks } from './looks.ts'

/** What all routes of the admin API are made of. */
export interface Admin {
  readonly app: ServerApp
  readonly ports: AdminPorts
  readonly server: ServerPorts
  readonly looks: Looks
  readonly bodyBytes: number
  /** How many clients listen to streamed events. */
  readonly listeners: { count: number }
}

/** One route of the admin API. Its path is below `/api/admin`, with `{name}` for what is in `params`. */
export interface AdminRoute<Q extends z.ZodObject, B extends z.ZodType, P extends z.ZodObject> {
  summary: string
  params?: P
  query?: Q
  /** Where there is none in the request, it is as if it were `{}`. */
  body?: B
  /** What is answered, with `success` beside it. */
  answer: z.ZodObject
  /** 200, unless told otherwise. */
  status?: 200 | 201 | 202
  /** What a dry run answers, with 200: what has a `preview`. */
  previews?: z.ZodObject
}

type Handle<Q extends z.ZodObject, B extends z.ZodType, P extends z.ZodObject> = (
  input: Input<Q, z.ZodObject, B, P>,
  c: Context<ServerEnv>,
) => Promise<object>

export const PREFIX = '/api/admin'

/**
 * Adds a route for those who may administrate. What it answers gets `success: true`. After a change, what is kept of
 * looks at Redis is forgotten.
 */
export function adminRoute<Q extends z.ZodObject, B extends z.ZodType, P extends z.ZodObject>(
  admin: Admin,
  method: Endpoint<Q, z.ZodObject, B, P>['method'],
  path: string,
  route: AdminRoute<Q, B, P>,
  handle: Handle<Q, B, P>,
): void {
  const { summary, params, query, body, answer, status = 200, previews } = route
  const endpoint: Endpoint<Q, z.ZodObject, B, P> = {
    method,
    path: PREFIX + path,
    tag: 'Administration',
    scope: 'admin',
    summary,
    ...(params && { params }),
    ...(query && { query }),
    ...(body && { body: { schema: body, limitBytes: admin.bodyBytes, optional: true } }),
    answers: {
      ...(previews && { 200: { description: 'With dryRun: what would be done', schema: previews } }),
      [status]: { description: summary, schema: answer },
    },
  }
  addEndpoint(admin.app, endpoint, async (c, input) => {
    try {
      const result = await handle(input, c)
      return answerJson(c, { success: true, ...result }, 'preview' in result ? 200 : status)
    } catch (error) {
      throw asRequestFault(await suggested(error, admin, { ...input.query, ...input.params }))
    } finally {
      if (method !== 'get') admin.looks.forget()
    }
  })
}

/** The same for one that streams events. */
export function adminStream<Q extends z.ZodObject, P extends z.ZodObject>(
  admin: Admin,
  path: string,
  route: { summary: string; description: string; params?: P; query?: Q },
  handle: (
    input: Input<Q, z.ZodObject, z.ZodType, P>,
    c: Context<ServerEnv>,
  ) => Promise<((signal: AbortSignal) => AsyncIterable<StreamedEvent>) | Response>,
): void {
  const { summary, description, params, query } = route
  const endpoint: Endpoint<Q, z.ZodObject, z.ZodType, P> = {
    method: 'get',
    path: PREFIX + path,
    tag: 'Administration',
    scope: 'admin',
    summary,
    ...(params && { params }),
    ...(query && { query }),
    answers: { 200: { description: `text/event-stream: ${description}` } },
  }
  addEndpoint(admin.app, endpoint, async (c, input) => {
    const events = await handle(input, c)
    if (events instanceof Response) return events
    const { headers } = c.req.raw
    return eventStream(c, events, {
      listeners: admin.listeners,
      stopping: admin.ports.stopping,
      mayGoOn: () => mayStill(admin.server, headers, 'admin'),
    })
  })
}

const suggested = async (error: unknown, { ports }: Admin, asked: AskedFor): Promise<unknown> =>
  error instanceof MillraceError && error.code.startsWith('UNKNOWN_')
    ? suggestName(error, asked, ports.operations())
    : error

/** What is wrong with options is wrong with the request here: nothing else than that made them. */
function asRequestFault(error: unknown): unknown {
  if (!(error instanceof InvalidError) || error.code !== 'CONFIGURATION_INVALID') return error
  return new HttpError('REQUEST_INVALID', error.message, { issues: error.issues })
}
