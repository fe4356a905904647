import { MillraceError } from '../core/errors.ts'

/**
 * An error that a contract declares: thrown by a handler, it reaches the requester with the same `code`, `message` and
 * `data`. Made by `contract.error`, and told apart by `contract.isError`.
 */
export class RpcError<Code extends string = string, Data = unknown> extends Error {
  readonly code: Code
  readonly data: Data

  constructor(code: Code, data: Data, message: string = code, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RpcError'
    this.code = code
    this.data = data
  }
}

/** What one responder answered to a request that went to all. */
export interface GatheredReply<Reply> {
  /** Which of them: a name that no other one has. */
  readonly responder: string
  readonly reply: Reply
}

/** Fewer replies came in time than were asked for: those that came, and what others failed with. */
export class QuorumError<Reply = unknown> extends MillraceError {
  readonly replies: readonly GatheredReply<Reply>[]
  readonly failures: readonly Error[]

  constructor(quorum: number, replies: readonly GatheredReply<Reply>[], failures: readonly Error[]) {
    const failed = failures.length > 0 ? ` and ${failures.length} failed: ${failures[0]!.message}` : ''
    const message = `${replies.length} of the ${quorum} replies that were asked for came in time${failed}; run more responders, or ask for fewer`
    super('RPC_QUORUM_MISSED', message, { cause: failures[0] })
    this.replies = replies
    this.failures = failures
  }
}
