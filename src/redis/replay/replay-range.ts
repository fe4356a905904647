import { InvalidError, type Issue } from '../../core/errors.ts'
import { isEntryId } from '../../core/position.ts'
import type { Place } from '../../core/replay.ts'

const MAX_SEQUENCE = '18446744073709551615'

/** What a place is as the first, or as the last, of a range; a moment has many positions. */
export function toPosition(
  name: string,
  place: Place | undefined,
  open: string,
  end: 'first' | 'last',
): string {
  if (place === undefined) return open
  if (place instanceof Date && place.getTime() >= 0)
    return `${place.getTime()}-${end === 'first' ? '0' : MAX_SEQUENCE}`
  if (isEntryId(place)) return place
  throw noPlace({ path: name, message: 'must be a position such as 1700000000000-0, or a Date since 1970' })
}

/** The last position before a moment. */
export function positionBefore(moment: Date): string {
  const ms = moment.getTime()
  if (!(ms >= 0)) throw noPlace({ path: 'to', message: 'must be a Date since 1970' })
  return ms === 0 ? '0-0' : `${ms - 1}-${MAX_SEQUENCE}`
}

export const noPlace = (issue: Issue): InvalidError =>
  new InvalidError('CONFIGURATION_INVALID', 'there is no such place in a stream', [issue])
