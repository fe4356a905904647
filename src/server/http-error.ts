import type { Issue } from '../core/errors.ts'

/** What can be wrong with a request as such; everything else is a MillraceError. */
export type HttpErrorCode =
  | 'BODY_INVALID'
  | 'BODY_TOO_LARGE'
  | 'EXPECTATION_FAILED'
  | 'HEADERS_TOO_LARGE'
  | 'MEDIA_TYPE_UNSUPPORTED'
  | 'METHOD_NOT_ALLOWED'
  | 'NOT_FOUND'
  | 'ORIGIN_REFUSED'
  | 'OVERLOADED'
  | 'RATE_LIMITED'
  | 'REQUEST_INVALID'
  | 'REQUEST_TIMEOUT'
  | 'REQUEST_TOO_SLOW'

const STATUSES: Readonly<Record<HttpErrorCode, number>> = {
  BODY_INVALID: 400,
  BODY_TOO_LARGE: 413,
  EXPECTATION_FAILED: 417,
  HEADERS_TOO_LARGE: 431,
  MEDIA_TYPE_UNSUPPORTED: 415,
  METHOD_NOT_ALLOWED: 405,
  NOT_FOUND: 404,
  ORIGIN_REFUSED: 403,
  OVERLOADED: 503,
  RATE_LIMITED: 429,
  REQUEST_INVALID: 400,
  REQUEST_TIMEOUT: 504,
  REQUEST_TOO_SLOW: 408,
}

/** A request that can't be answered as asked. It never leaves the server. */
export class HttpError extends Error {
  readonly code: HttpErrorCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly issues: readonly Issue[]

  constructor(
    code: HttpErrorCode,
    message: string,
    { headers = {}, issues = [] }: { headers?: Record<string, string>; issues?: readonly Issue[] } = {},
  ) {
    super(message)
    this.name = 'HttpError'
    this.code = code
    this.status = STATUSES[code]
    this.headers = headers
    this.issues = issues
  }
}
