import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'

/** Node drops those past the 2000th without a word, and what a proxy adds comes last. */
const MAX_HEADERS = 200

/** Two of them would be read as one, or as either, by whoever stands between us and the client. */
const SINGLE = ['host', 'idempotency-key']

/** A way out of a path. Whoever guards a path in front of us may see another one than we would make of it. */
const DOT_SEGMENT = /^[^?#]*\/(?:\.|%2e){1,2}(?:[/?#]|$)/i

type Read = Pick<IncomingMessage, 'httpVersion' | 'rawHeaders' | 'url'>

/** What is wrong with a request that Node could read. */
export function faultOf({ httpVersion, rawHeaders, url = '' }: Read): HttpError | undefined {
  // Node takes requests that say they are of 0.9 or 2.0, in the form of 1.1, which neither has.
  if (!httpVersion.startsWith('1.'))
    return new HttpError('REQUEST_INVALID', `this is a request in HTTP/${httpVersion}; send it in HTTP/1.1`)
  if (rawHeaders.length > 2 * MAX_HEADERS)
    return new HttpError('HEADERS_TOO_LARGE', `there are more than ${MAX_HEADERS} headers; send less`)
  const repeated = SINGLE.find((name) => isRepeated(rawHeaders, name))
  if (repeated) return new HttpError('REQUEST_INVALID', `${repeated} is given twice; give it once`)
  if (DOT_SEGMENT.test(url))
    return new HttpError('REQUEST_INVALID', 'the path has "." or ".." in it; ask for what you mean')
  return undefined
}

function isRepeated(rawHeaders: readonly string[], name: string): boolean {
  let isGiven = false
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const given = rawHeaders[index]!
    if (given.length !== name.length || given.toLowerCase() !== name) continue
    if (isGiven) return true
    isGiven = true
  }
  return false
}
