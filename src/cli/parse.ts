import { InvalidArgumentError } from 'commander'
import { isEntryId } from '../core/position.ts'

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A length of time such as `500ms`, `10s`, `5m`, `2h` or `7d`, in ms. */
export function parseDuration(text: string): number {
  const [, number, unit = ''] = /^(\d{1,9}(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? []
  if (number === undefined)
    throw new InvalidArgumentError('It is a length of time such as 500ms, 10s, 5m, 2h or 7d.')
  return Math.round(Number(number) * UNITS[unit]!)
}

/** A whole number from 0 on. */
export function parseCount(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(count)) return count
  throw new InvalidArgumentError('It is a whole number from 0 on, such as 100.')
}

/** A whole number from 1 on. */
export function parsePositive(text: string): number {
  const count = parseCount(text)
  if (count > 0) return count
  throw new InvalidArgumentError('It is a whole number from 1 on, such as 100.')
}

/** A position of an entry; the sequence may be left out where it is 0. */
export function parsePosition(text: string): string {
  const position = /^\d{1,20}$/.test(text) ? `${text}-0` : text
  if (isEntryId(position)) return position
  throw new InvalidArgumentError('It is a position such as 1700000000000-0.')
}

/** Behind it is a position in the inlet of a group: of what was redriven or replayed to that group alone. */
const INLET = 'inlet/'

/** One more of the positions of pending entries, for an option or argument that takes several. */
export const parsePendingPositions = (text: string, before: readonly string[] = []): string[] => {
  const inlet = text.startsWith(INLET) ? INLET : ''
  return [...before, inlet + parsePosition(text.slice(inlet.length))]
}
