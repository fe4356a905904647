import type { Delivery } from './delivery.ts'
import type { MillraceError } from './errors.ts'
import type { NewEvent } from './event.ts'
import type { Claim, NewEntry, Outcome } from './stream-log.ts'

/**
 * Makes spans of what is done, so that one trace shows a request, what it published, and what came of that. Work runs
 * within its span and ends as it would without; what makes spans never makes it fail.
 */
export interface Tracing {
  /**
   * `send {stream}`: one call that writes entries. `append` gets them with the context of the span in the fields
   * `traceparent` and `tracestate`, where they have none yet.
   */
  send(
    stream: string,
    entries: readonly NewEntry[],
    append: (entries: readonly NewEntry[]) => Promise<AppendResults>,
  ): Promise<AppendResults>

  /** The event with the context of what runs here, unless it has one: for what is written later, or by another script. */
  carry(event: NewEvent): NewEvent

  /** `receive {stream}`: entries that came to a consumer, with links to what published them; none where nothing came. */
  receive(stream: string, group: string, claim: () => Promise<Claim[]>): Promise<Claim[]>

  /** `ack {stream}`: how entries ended, told to the log; also where they are given back. */
  settle<T>(stream: string, group: string, outcomes: readonly Outcome[], settle: () => Promise<T>): Promise<T>

  /** `process {stream}`: one start of a handler. It links to what published the events. */
  process<T>(deliveries: readonly [Delivery, ...Delivery[]], run: () => Promise<T> | T): Promise<T>

  /** `{operation} {table}`: what PostgreSQL is asked. */
  query<T>(operation: string, table: string, run: () => Promise<T>): Promise<T>

  /** `{method} {route}`: a request to the service, whose `traceparent` is the parent. */
  request(request: TracedRequest, run: () => Promise<TracedAnswer>): Promise<void>
}

export type AppendResults = (string | MillraceError)[]

export interface TracedRequest {
  readonly method: string
  readonly url: string
  header(name: string): string | undefined
}

export interface TracedAnswer {
  readonly status: number
  /** The path as it was declared, such as `/users/:id`; undefined where there is nothing at the path. */
  readonly route?: string | undefined
  /** What went wrong, where something did. */
  readonly error?: unknown
}
