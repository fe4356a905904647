/** A position is the id of an entry, `<milliseconds>-<sequence>`. */
const POSITION = /^\d{1,20}-\d{1,20}$/

const LARGEST_PART = 2n ** 64n - 1n

export const FIRST_POSITION = '0-0'

export const isPosition = (text: string): boolean => POSITION.test(text)

/** Compares two decimal numbers of any size without losing digits, which `Number` does past 2^53. */
const compareDigits = (a: string, b: string): number =>
  a.length === b.length ? (a < b ? -1 : a > b ? 1 : 0) : a.length - b.length

/** By number, never as text: `1-10` comes after `1-9`. */
export function comparePositions(a: string, b: string): number {
  const dashA = a.indexOf('-')
  const dashB = b.indexOf('-')
  // Of one shape, as nearly all are, the texts compare as the numbers do, and nothing is made to compare them.
  if (dashA === dashB && a.length === b.length) return a < b ? -1 : a > b ? 1 : 0
  return (
    compareDigits(a.slice(0, dashA), b.slice(0, dashB)) ||
    compareDigits(a.slice(dashA + 1), b.slice(dashB + 1))
  )
}

/** Whether Redis takes the text for the id of an entry: both numbers fit into 64 bits. */
export const isEntryId = (text: unknown): text is string =>
  typeof text === 'string' &&
  isPosition(text) &&
  text.split('-').every((part) => BigInt(part) <= LARGEST_PART)

/** Without leading zeros, as the server writes it: the same entry under one text. */
export const plainPosition = (position: string): string => position.split('-').map(BigInt).join('-')

/** The milliseconds since 1970 at which the server took the entry. */
export const positionTime = (position: string): number => Number(position.slice(0, position.indexOf('-')))
