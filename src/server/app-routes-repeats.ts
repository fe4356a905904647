import { hash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { RepeatableRequest } from '../core/request-memory.ts'
import type { RouteDeclaration } from '../core/route.ts'
import { IdempotencyHeaders } from './schemas.ts'
import type { ServerEnv } from './server-env.ts'

const NAME = 'Idempotency-Key'

const key = IdempotencyHeaders.shape[NAME].openapi({
  description:
    'A repeat with the same key, within 10 minutes, gets the same answer and does nothing. 409 while the first runs; 422 where the key was given with another request',
  example: 'sign-up-7',
})

/** What a route reads of the headers: its own, and the key where it takes one. */
export const headersOf = ({ headers, idempotent }: RouteDeclaration): z.ZodObject | undefined =>
  idempotent ? (headers ?? z.object({})).safeExtend({ [NAME]: key }) : headers

/** The key of a request apart from what the route declares itself. */
export function withoutKey(headers: Readonly<Record<string, unknown>> = {}) {
  const { [NAME]: key, ...own } = headers
  return { key: key as string | undefined, own }
}

/** Which request it is: by what came, since a schema may make something new of it each time, such as the time of now. */
export function identify(
  c: Context<ServerEnv>,
  { method, path }: RouteDeclaration,
  key: string,
  received: unknown,
): RepeatableRequest {
  const { pathname, search } = new URL(c.req.url)
  return {
    key: digestOf([c.get('caller')?.name, method, path, key]),
    digest: digestOf([pathname, search, received]),
  }
}

const digestOf = (parts: readonly unknown[]): string => hash('sha256', JSON.stringify(parts), 'base64url')
