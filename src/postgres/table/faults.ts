import { toError } from '../../core/errors.ts'
import { isRefusedValue, sqlStateOf } from '../database-errors.ts'

/**
 * What a write that failed says: `refused`, a row is at fault; `misplaced`, the table is not as it should be, or not for
 * this user; `away`, the same will go well later.
 */
export type TableFault = 'refused' | 'misplaced' | 'away'

/** A syntax error or a name that is not there (42), a schema or a database that is not (3F, 3D). Passwords come right. */
const MISPLACED: ReadonlySet<string> = new Set(['42', '3F', '3D'])
/** A value of a type that the column does not take, found while planning; a row of JSON that makes none. */
const REFUSED: ReadonlySet<string> = new Set(['42804', '42846'])
/**
 * A trigger (09, 27, 38, P0, and 45 as other databases use it); two rows of one key, which differ in JSON alone (21); a view
 * that would not show the row (44).
 */
const REFUSED_CLASSES: ReadonlySet<string> = new Set(['09', '21', '27', '38', '44', '45', 'P0'])
/** Of the classes that the standard leaves to others, those that PostgreSQL uses for itself: the rest are of triggers. */
const OWN_CLASSES: ReadonlySet<string> = new Set(['53', '55', '57', '58', '72', 'XX'])

export function tableFaultOf(error: unknown): TableFault {
  const state = sqlStateOf(error)
  const kind = state.slice(0, 2)
  if (isRefusedValue(error) || REFUSED.has(state) || REFUSED_CLASSES.has(kind)) return 'refused'
  if (MISPLACED.has(kind)) return 'misplaced'
  return /^[5-9I-Z]/.test(kind) && !OWN_CLASSES.has(kind) ? 'refused' : 'away'
}

/** What PostgreSQL said, with what it says beside it, and never a value of a row. */
export function tableFaultMessage(error: unknown): string {
  const { cause } = error as { cause?: unknown }
  const { column, constraint } = (cause ?? {}) as { column?: string; constraint?: string }
  const about = column ?? constraint
  return `${toError(cause ?? error).message}${about === undefined ? '' : ` (${about})`}`
}

/** Why it is away, for whoever set a url and no variable of Millrace. */
export const outageMessage = (error: unknown): string =>
  toError(error).message.replaceAll('DATABASE_URL', 'its url')
