import type { z } from 'zod'
import type { Caller, Scope } from './access.ts'
import type { AppContext } from './app-context.ts'

export const ROUTE_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
export type RouteMethod = (typeof ROUTE_METHODS)[number]

/** A route of an app: what it takes and answers, and what runs. */
export interface RouteDeclaration {
  readonly method: RouteMethod
  /** With `:name` for what is in `params`. */
  readonly path: string
  readonly tag: string
  readonly summary: string
  /** What the caller must be allowed to do; undefined: nothing, the route is for everybody. */
  readonly scope: Scope | undefined
  readonly params: z.ZodObject | undefined
  readonly query: z.ZodObject | undefined
  readonly headers: z.ZodObject | undefined
  readonly body: z.ZodType | undefined
  /** Whether it takes an `Idempotency-Key`. */
  readonly idempotent: boolean
  /** How long a request may take, in ms; undefined: as long as any of the service. */
  readonly timeoutMs: number | undefined
  /** By status; null where the answer has no body. Problems aside, which all routes answer alike. */
  readonly answers: Readonly<Record<number, z.ZodType | null>>
  readonly handle: (request: RouteRequest, context: AppContext) => Promise<RouteAnswer> | RouteAnswer
}

/** What a route gets of a request; each part is what its schema made of it. */
export interface RouteRequest<Params = unknown, Query = unknown, Headers = unknown, Body = unknown> {
  readonly params: Params
  readonly query: Query
  readonly headers: Headers
  readonly body: Body
  /** Who asks; undefined where everybody may. */
  readonly caller: Caller | undefined
  /**
   * A UUID, for what is made of the request, such as the id of a task: a repeat under the same `Idempotency-Key` that has
   * to run again has it again.
   */
  readonly requestId: string
  /** It stands in every line of the log and in every event that come of this request. */
  readonly correlationId: string
  /** Aborted when nobody waits for the answer any more: the client left, time is up, or the service stops. */
  readonly signal: AbortSignal
}

export interface RouteAnswer {
  readonly status: number
  /** Goes over the wire as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
