import { CORRELATION_ID, isCorrelationId } from '../core/correlation.ts'
import { Reject } from '../core/delivery.ts'
import { InvalidError, MillraceError, type ErrorCode, type Issue } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import { validate, type Schema } from '../core/schema.ts'
import { toJson } from '../core/codec.ts'
import { isTimeout, type Contract } from './contract.ts'
import { RpcError } from './rpc-error.ts'

/* What requests and replies look like as entries; see core/rpc.ts. */

/** Long enough for any id that somebody makes by hand; it comes back with the reply. */
const MAX_ID_LENGTH = 256
/** More would be no help, and a small request can have more faults than a reply can tell of. */
const MAX_ISSUES = 100
const MAX_TEXT_LENGTH = 1_000
/** Ours are shorter. What is not of this shape would not end where reply streams are. */
const REQUESTER_ID = /^[\w-]{1,64}$/

export interface WrittenRequest {
  readonly requestId: string
  readonly json: string
  readonly replyTo: string
  readonly timeout: number
  readonly correlationId: string | undefined
}

export function requestFields({
  requestId,
  json,
  replyTo,
  timeout,
  correlationId,
}: WrittenRequest): string[] {
  const fields = [
    'requestId',
    requestId,
    'data',
    json,
    'replyTo',
    replyTo,
    'timeout',
    String(Math.ceil(timeout)),
  ]
  if (correlationId !== undefined) fields.push(CORRELATION_ID, correlationId)
  return fields
}

export interface ReadRequest {
  readonly requestId: string
  /** The id of the requester; undefined where the request was written by hand. */
  readonly replyTo: string | undefined
  readonly timeout: number
  readonly correlationId: string | undefined
}

/** @throws Reject for what is no request, or wants its reply where none may go */
export function readRequest(contract: Contract, { headers }: Event): ReadRequest {
  const { requestId, replyTo, timeout } = headers
  if (requestId === undefined || requestId === '' || requestId.length > MAX_ID_LENGTH)
    throw new Reject(`a request has a field "requestId" of 1 to ${MAX_ID_LENGTH} characters, and "data"`)
  if (replyTo !== undefined && !REQUESTER_ID.test(replyTo))
    throw new Reject('"replyTo" is the id of a requester; leave it out to get the reply on the shared stream')
  const ms = Number(timeout)
  const correlationId = headers[CORRELATION_ID]
  return {
    requestId,
    replyTo,
    timeout: isTimeout(ms) ? ms : contract.timeout,
    correlationId: isCorrelationId(correlationId) ? correlationId : undefined,
  }
}

/** @throws MillraceError `EVENT_TOO_LARGE` */
export function checkSize(what: string, json: string, maxBytes: number): void {
  // Counting bytes costs; a UTF-16 unit is three bytes at most.
  if (json.length * 3 <= maxBytes || Buffer.byteLength(json) <= maxBytes) return
  const message = `the ${what} has more than ${maxBytes} bytes; store large data elsewhere and send a reference`
  throw new MillraceError('EVENT_TOO_LARGE', message)
}

/** A value of a reply or a part, as it is written: the input of its schema, so that the reader applies it to the same. */
export function replyJson(contract: Contract, value: unknown, maxBytes: number): string | Promise<string> {
  const checked = validate(contract.reply, value, `the reply of "${contract.name}"`)
  const write = () => {
    const json = toJson(value)
    checkSize('reply', json, maxBytes)
    return json
  }
  return checked instanceof Promise ? checked.then(write) : write()
}

/** What a failure is to the requester. Only what the contract declares, and what the request did wrong, is told. */
export async function errorJson(contract: Contract, error: unknown, maxBytes: number): Promise<string> {
  if (error instanceof RequestInvalid) {
    const { code, message, issues } = error.invalid
    const shown = issues
      .slice(0, MAX_ISSUES)
      .map((issue) => ({ path: cut(issue.path), message: cut(issue.message) }))
    return JSON.stringify({ code, message: cut(message), issues: shown })
  }
  if (error instanceof RpcError && Object.hasOwn(contract.errors, error.code)) {
    const { code, data, message } = error
    await validate(contract.errors[code]!, data, `the error ${code} of "${contract.name}"`)
    const json = toJson({ code, message, data })
    checkSize('error', json, maxBytes)
    return json
  }
  return JSON.stringify({ code: 'RPC_FAILED' })
}

const cut = (text: string): string => text.slice(0, MAX_TEXT_LENGTH)

/** Whether the requester is told what went wrong. */
export const isTold = (contract: Contract, error: unknown): boolean =>
  error instanceof RequestInvalid || (error instanceof RpcError && Object.hasOwn(contract.errors, error.code))

/** The request did not fit its schema: not to be taken for an error of that kind which a handler throws. */
export class RequestInvalid extends Error {
  readonly invalid: InvalidError

  constructor(invalid: InvalidError) {
    super(invalid.message, { cause: invalid })
    this.invalid = invalid
  }
}

export interface ReadReply {
  requestId: string
  data?: string
  error?: string
  /** The number of a part, from 0 on. */
  part?: string
  /** How many parts there were: nothing more comes. */
  end?: string
  /** Which start of the request wrote it: after a responder died there is another. */
  attempt?: string
  /** Who wrote it, where all are asked. */
  responder?: string
}

export function readReply(fields: readonly string[]): ReadReply {
  const reply: ReadReply = { requestId: '' }
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index]
    const value = fields[index + 1]!
    // One by one, so that replies have one shape and no field of others becomes a member.
    if (name === 'requestId') reply.requestId = value
    else if (name === 'data') reply.data = value
    else if (name === 'error') reply.error = value
    else if (name === 'part') reply.part = value
    else if (name === 'end') reply.end = value
    else if (name === 'attempt') reply.attempt = value
    else if (name === 'responder') reply.responder = value
  }
  return reply
}

/** What the data of a reply means. @throws MillraceError `RPC_FAILED` where it is none */
export function replyValue(contract: Contract, json: string | undefined): unknown {
  return readAs(contract.reply, parse(contract, json), `the reply of "${contract.name}"`)
}

/** The error that a reply tells of; never rejects. */
export async function replyError(contract: Contract, json: string): Promise<Error> {
  try {
    const { code, message, data, issues } = parse(contract, json) as Partial<Told>
    if (typeof code === 'string' && Object.hasOwn(contract.errors, code)) {
      const value = await readAs(contract.errors[code]!, data, `the error ${code} of "${contract.name}"`)
      return new RpcError(code, value, String(message ?? code))
    }
    if (code === INVALID) return new RefusedRequest(String(message), Array.isArray(issues) ? issues : [])
    return failed(`the handler of "${contract.name}" failed; the responder's log says why`)
  } catch (error) {
    return error as Error
  }
}

const INVALID: ErrorCode = 'EVENT_INVALID'

interface Told {
  code: string
  message: string
  data: unknown
  issues: Issue[]
}

/** The responder refused the request. Its message lists the fields at fault already. */
class RefusedRequest extends InvalidError {
  constructor(message: string, issues: readonly Issue[]) {
    super(INVALID, '', issues)
    this.name = 'InvalidError'
    this.message = message
  }
}

const failed = (message: string, cause?: unknown) =>
  new MillraceError('RPC_FAILED', message, cause === undefined ? undefined : { cause })

function parse(contract: Contract, json: string | undefined): unknown {
  try {
    return JSON.parse(json ?? '')
  } catch (cause) {
    throw failed(`the reply to "${contract.name}" is not JSON`, cause)
  }
}

/** A reply that does not fit is no mistake of the requester, so it is no `EVENT_INVALID`. */
function readAs(schema: Schema, value: unknown, what: string): unknown {
  const refuse = (cause: unknown): never => {
    throw failed(`${(cause as Error).message}; do both ends have the same contract?`, cause)
  }
  try {
    const read = validate(schema, value, what)
    return read instanceof Promise ? read.catch(refuse) : read
  } catch (cause) {
    return refuse(cause)
  }
}
