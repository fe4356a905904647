import { toError } from '../../core/errors.ts'
import { isRefusedValue, sqlStateOf } from '../database-errors.ts'

/**
 * What a write that failed says: `refused`, a row is at fault; `misplaced`, the table is not as it should be, or not for
 * this user; `away`, the same will go well later.
 */
export type TableFault = 'refused' | 'misplaced' | 'away'

/** A syntax error or a name that is not there (42), a schema or a database that is not (3F, 3D), a login (28). */
const MISPLACED: ReadonlySet<string> = new Set(['42', '3F', '3D', '28'])
/** A value of a type that the column does not take, found while planning; a row of JSON that makes none. */
const REFUSED: ReadonlySet<string> = new Set(['42804', '42846'])

export function tableFaultOf(error: unknown): TableFault {
  if (isRefusedValue(error)) return 'refused'
  const state = sqlStateOf(error)
  if (REFUSED.has(state)) return 'refused'
  return MISPLACED.has(state.slice(0, 2)) ? 'misplaced' : 'away'
}

/** What PostgreSQL said, with what it says beside it, and never a value of a row. */
export function tableFaultMessage(error: unknown): string {
  const { cause } = error as { cause?: unknown }
  const { column, constraint } = (cause ?? {}) as { column?: string; constraint?: string }
  const about = column ?? constraint
  return `${toError(cause ?? error).message}${about === undefined ? '' : ` (${about})`}`
}
