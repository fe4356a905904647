import type { IncomingMessage } from 'node:http'
import type { Caller, Scope } from '../core/access.ts'

/** What handlers find in the context of a request. */
export interface ServerEnv {
  /** What came over a socket; missing where the app is called without one. */
  Bindings: { incoming?: Pick<IncomingMessage, 'socket'> }
  Variables: {
    correlationId: string
    /** Those that every answer to this request has. Known before it is worked on. */
    answerHeaders: Record<string, string>
    /** The pattern of its route, where that tells it; it can be looked up as well. */
    route?: string
    /** An answer that was made with them. */
    answer?: Response
    /** Who makes the request, where that is known. */
    caller?: Caller
    /** Throws unless the caller may do that. */
    authorize: (scope: Scope) => void
    /** Has the request end after so many ms from its beginning, instead of after what holds for all. */
    allowMs: (ms: number) => void
    /** While the body is being read. */
    receiving?: boolean
  }
}
