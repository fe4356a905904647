import type { RateVerdict } from '../core/access.ts'
import { HttpError } from './http-error.ts'

/** What a client is told of its limit (draft-ietf-httpapi-ratelimit-headers). */
export const rateHeaders = ({ limit, windowSeconds, remaining, resetSeconds }: RateVerdict) => ({
  'ratelimit-policy': `"default";q=${limit};w=${windowSeconds}`,
  ratelimit: `"default";r=${remaining};t=${resetSeconds}`,
})

export function rateLimited(verdict: RateVerdict): HttpError {
  const { limit, windowSeconds, resetSeconds } = verdict
  const message =
    `there were more than ${limit} requests in ${windowSeconds} s` +
    `; wait ${resetSeconds} s, then send fewer, or more events in each`
  const headers = { ...rateHeaders(verdict), 'retry-after': String(resetSeconds) }
  return new HttpError('RATE_LIMITED', message, { headers })
}
