import { MillraceError } from './errors.ts'

/** Longest name of a stream, group or type, in UTF-16 units: long enough for any, short enough for a line of a log. */
const MAX_NAME_LENGTH = 256

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/**
 * Refuses names that would harm whoever reads a log, a page or a path made from them.
 *
 * @param what how the message calls it, such as `stream name`
 * @throws MillraceError `NAME_INVALID`
 */
export function checkName(what: string, name: unknown): asserts name is string {
  if (typeof name !== 'string' || name.length === 0) {
    throw new MillraceError(
      'NAME_INVALID',
      `the ${what} must be a text that is not empty, such as "user:events"`,
    )
  }
  if (name.length > MAX_NAME_LENGTH) {
    throw new MillraceError(
      'NAME_INVALID',
      `the ${what} has ${name.length} characters; at most ${MAX_NAME_LENGTH} are allowed`,
    )
  }
  if (!name.isWellFormed()) {
    throw new MillraceError(
      'NAME_INVALID',
      `the ${what} ${JSON.stringify(name)} is no valid Unicode; use well-formed text`,
    )
  }
  if (CONTROL_CHARACTER.test(name)) {
    throw new MillraceError(
      'NAME_INVALID',
      `the ${what} ${JSON.stringify(name)} contains control characters; remove them`,
    )
  }
}

/** A group of a stream as one text. Unambiguous, whatever the names contain. */
export const groupKey = (stream: string, group: string): string => JSON.stringify([stream, group])
