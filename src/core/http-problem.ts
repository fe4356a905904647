import { STATUS_CODES } from 'node:http'
import type { Issue } from './errors.ts'

export interface HttpProblemOptions {
  /** To branch on, such as `EMAIL_TAKEN`; made from the status where it is left out (`CONFLICT` of 409). */
  code?: string
  /** The fields at fault, with paths as in `address.city`. */
  issues?: readonly Issue[]
  headers?: Readonly<Record<string, string>>
  /** Of which the caller hears nothing. */
  cause?: unknown
}

/**
 * Thrown by a route: the answer is a problem (RFC 9457) of this status. The message is shown to the caller, and says what
 * to do about it.
 *
 * @throws RangeError for a status that is no error
 * @example
 * throw new HttpProblem(404, `there is no user ${id}`)
 * throw new HttpProblem(409, 'another user has this address', {
 *   code: 'EMAIL_TAKEN',
 *   issues: [{ path: 'email', message: 'is taken; choose another one' }],
 * })
 */
export class HttpProblem extends Error {
  readonly status: number
  readonly code: string
  readonly issues: readonly Issue[]
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, options: HttpProblemOptions = {}) {
    if (!Number.isInteger(status) || status < 400 || status > 599)
      throw new RangeError(`a problem has a status from 400 to 599, not ${status}`)
    const { code = codeOf(status), issues = [], headers = {}, cause } = options
    super(message, { cause })
    this.name = 'HttpProblem'
    this.status = status
    this.code = code
    this.issues = issues
    this.headers = headers
  }
}

const codeOf = (status: number): string =>
  (STATUS_CODES[status] ?? 'Error').toUpperCase().replaceAll(/[^A-Z]+/g, '_')
