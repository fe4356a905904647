import type { RpcFigures, RpcLog, RpcTimes } from '../core/rpc.ts'
import type { Log } from '../core/service.ts'
import type { StreamLog } from '../core/stream-log.ts'
import type { Tracing } from '../core/tracing.ts'

/** What requesters and responders of one process share. */
export interface Surroundings {
  readonly log: StreamLog
  readonly rpc: RpcLog
  readonly lines: Log
  readonly maxBytes: number
  readonly tracing?: Tracing | undefined
  readonly times?: RpcTimes | undefined
}

/** What is counted for the requests of a stream, by whoever takes part. */
export type Counts = { -readonly [Name in keyof RpcFigures]: RpcFigures[Name] }

export const noCounts = (stream: string): Counts => ({
  stream,
  pending: 0,
  activeTerminals: 0,
  lateReplies: 0,
  expired: 0,
})
