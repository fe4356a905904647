import { InvalidError } from './errors.ts'
import { isDeeperThan } from './json-depth.ts'

/**
 * JSON that can be written down again as it was read.
 *
 * @param what how the message calls it
 * @throws InvalidError `EVENT_INVALID` for what is no JSON, is nested deeper than `levels`, or holds a number beyond all
 */
export function parseStrictJson(text: string, levels: number, what = 'it'): unknown {
  if (isDeeperThan(levels, text)) throw refused(`${what} is nested deeper than ${levels} levels; flatten it`)
  const value = parse(text, what)
  if (MAY_OVERFLOW.test(text) && holdsInfinity(value))
    throw refused(`${what} holds a number beyond 1.8e308; send it as a text`)
  return value
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw refused(`${what} is not JSON: ${(cause as Error).message}`, cause)
  }
}

const refused = (problem: string, cause?: unknown) =>
  new InvalidError('EVENT_INVALID', problem, [], { cause })

/** A number with an exponent, or of very many digits. Few texts have one, so few are looked through. */
const MAY_OVERFLOW = /(?:^|[:,[\s])-?(?:\d{309}|\d+(?:\.\d+)?e\+?\d)/i

/** Such a number is written down as null again, which is something else than what was sent. */
function holdsInfinity(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === Infinity || value === -Infinity
  return Object.values(value).some(holdsInfinity)
}
