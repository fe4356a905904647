import type { DeadLetterFilter, DeadLetterSelection } from '../../core/dead-letters.ts'
import { CommandError, EXIT } from '../exit.ts'
import { given } from '../given.ts'
import { checkOrder, parseMoment } from '../replay/place.ts'

export interface FilterFlags {
  group?: string
  type?: string
  error?: string
  from?: string
  to?: string
}

/** @param now in ms, by the clock of the server */
export function filterOf({ group, type, error, from, to }: FilterFlags, now: number): DeadLetterFilter {
  const first = from === undefined ? undefined : parseMoment('--from', from, now)
  const last = to === undefined ? undefined : parseMoment('--to', to, now)
  checkOrder(first, last)
  return given({ group, type, error, from: first, to: last })
}

/**
 * Which letters are meant. Nothing said is no selection: all of them have to be asked for.
 *
 * @throws CommandError
 */
export function selectionOf(
  ids: readonly string[],
  flags: FilterFlags & { all?: boolean },
  now: number,
): DeadLetterSelection {
  const filter = filterOf(flags, now)
  const filters = Object.keys(filter).length > 0
  if (ids.length > 0 && (filters || flags.all))
    throw new CommandError(
      'say either ids, or which letters by --group, --error and the like; not both',
      EXIT.usage,
    )
  if (ids.length > 0) return { ids }
  if (!filters && !flags.all)
    throw new CommandError(
      'say which letters: their ids, or --group, --type, --error, --from, --to, or --all for all of the stream',
      EXIT.usage,
    )
  return { filter }
}
