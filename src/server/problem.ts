import { STATUS_CODES } from 'node:http'
import { InvalidError, MillraceError, PublishError, type ErrorCode, type Issue } from '../core/errors.ts'
import { HttpProblem } from '../core/http-problem.ts'
import { redactText } from '../core/redact.ts'
import { HttpError } from './http-error.ts'

/** The body of every answer that is an error (RFC 9457). */
export interface Problem {
  type: 'about:blank'
  title: string
  status: number
  /** What is wrong and what to do about it. */
  detail: string
  /** To branch on. */
  code: string
  /** The fields at fault. */
  errors?: readonly Issue[]
  /** What became of each event of a batch, in its order. */
  results?: readonly ({ messageId: string } | { status: number; code: string; detail: string })[]
}

interface Verdict {
  status: number
  /** In how many seconds the same request may well succeed. Absent where sending it again could do harm. */
  retryAfter?: number
  headers?: Readonly<Record<string, string>>
}

/** Errors that a request can meet. What is not listed is a fault of ours, so 500. */
const VERDICTS: Partial<Record<ErrorCode, Verdict>> = {
  BACKUP_INVALID: { status: 422 },
  EVENT_INVALID: { status: 400 },
  NAME_INVALID: { status: 400 },
  SETTING_INVALID: { status: 400 },
  UNAUTHENTICATED: { status: 401, headers: { 'www-authenticate': 'Bearer' } },
  FORBIDDEN: { status: 403 },
  UNKNOWN_CONSUMER: { status: 404 },
  UNKNOWN_DEAD_LETTER: { status: 404 },
  UNKNOWN_GROUP: { status: 404 },
  UNKNOWN_JOB: { status: 404 },
  UNKNOWN_KEY: { status: 404 },
  UNKNOWN_PIPELINE: { status: 404 },
  UNKNOWN_STREAM: { status: 404 },
  CONSUMER_BUSY: { status: 409 },
  GROUP_BUSY: { status: 409 },
  GROUP_FOREIGN: { status: 409 },
  JOB_CONFLICT: { status: 409 },
  KEY_CONFLICT: { status: 409 },
  REPLAY_CONFLICT: { status: 409 },
  RESTORE_CONFLICT: { status: 409 },
  TOO_MANY_STREAMS: { status: 409 },
  SETTING_CONFLICT: { status: 409 },
  EVENT_TOO_LARGE: { status: 413 },
  EVENT_FILTERED: { status: 422 },
  IDEMPOTENCY_CONFLICT: { status: 422 },
  CONFIRMATION_REQUIRED: { status: 428 },
  CIRCUIT_OPEN: { status: 503, retryAfter: 5 },
  CLOSED: { status: 503, retryAfter: 5 },
  DATABASE_UNAVAILABLE: { status: 503, retryAfter: 5 },
  PUBLISH_QUEUE_FULL: { status: 503, retryAfter: 1 },
  PUBLISH_UNCERTAIN: { status: 503 },
  REDIS_REFUSED: { status: 503, retryAfter: 5 },
  REDIS_UNAVAILABLE: { status: 503, retryAfter: 5 },
  REDIS_UNCERTAIN: { status: 503, retryAfter: 5 },
  REDIS_UNSUITABLE: { status: 503 },
  RPC_BUSY: { status: 503, retryAfter: 1 },
  RPC_CANCELLED: { status: 503 },
  RPC_FAILED: { status: 502 },
  RPC_INTERRUPTED: { status: 503 },
  RPC_TIMEOUT: { status: 504 },
  RPC_UNAVAILABLE: { status: 503 },
  TOKEN_KEYS_UNAVAILABLE: { status: 503, retryAfter: 5 },
}

const FAULT_OF_OURS: Verdict = { status: 500 }

/** More would be no help, and a batch can have thousands of faults. */
const MAX_ERRORS_SHOWN = 100
const MAX_DETAIL_LENGTH = 1000

/** The one place where errors become answers. Whatever was thrown, no stack and no password gets out. */
export function problemResponse(error: unknown): Response {
  const { body, ...init } = renderProblem(error)
  return new Response(body, init)
}

/** The same for where there is no Response: what could not be read as a request. */
export function renderProblem(error: unknown) {
  const { retryAfter, headers, ...members } = describe(error)
  const { status } = members
  const problem: Problem = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', ...members }
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
      ...headers,
    },
    body: JSON.stringify(problem),
  }
}

type Description = Omit<Problem, 'type' | 'title'> & {
  retryAfter?: number
  headers?: Readonly<Record<string, string>>
}

function describe(error: unknown): Description {
  if (error instanceof HttpError || error instanceof HttpProblem) {
    const { status, code, message, headers, issues } = error
    return { status, detail: message.slice(0, MAX_DETAIL_LENGTH), code, ...shownErrors(issues), headers }
  }
  if (error instanceof PublishError) return describePublishError(error)
  const verdict = verdictOn(error)
  if (verdict === FAULT_OF_OURS || !(error instanceof MillraceError)) {
    const detail = 'something went wrong here; the log of the service has more under the correlation id'
    return { status: 500, detail, code: 'INTERNAL' }
  }
  const issues = error instanceof InvalidError ? error.issues : []
  const detail = redactText(error.message).slice(0, MAX_DETAIL_LENGTH)
  return { ...verdict, detail, code: error.code, ...shownErrors(issues) }
}

const verdictOn = (error: unknown): Verdict =>
  (error instanceof MillraceError && VERDICTS[error.code]) || FAULT_OF_OURS

const shownErrors = (issues: readonly Issue[]) =>
  issues.length === 0 ? {} : { errors: issues.slice(0, MAX_ERRORS_SHOWN) }

/** The gravest failure gives the status. Sending all again is invited only where it helps, and repeats nothing. */
function describePublishError({ code, results }: PublishError): Description {
  const failures = results.filter((result) => typeof result !== 'string').map(verdictOn)
  const gravest = failures.reduce((gravest, verdict) => (verdict.status > gravest.status ? verdict : gravest))
  const retriable =
    failures.length === results.length && failures.every((verdict) => verdict.retryAfter !== undefined)
  return {
    status: gravest.status,
    detail: `${failures.length} of ${results.length} events were not published; see results`,
    code,
    results: results.map(describeResult),
    ...(retriable && { retryAfter: gravest.retryAfter! }),
  }
}

function describeResult(result: string | MillraceError) {
  if (typeof result === 'string') return { messageId: result }
  const { status, code, detail } = describe(result)
  return { status, code, detail }
}
