import { MillraceError } from '../core/errors.ts'
import { plainReason, tlsAdvice } from '../core/tls-faults.ts'

const IS_IT_THERE = 'is it running, and are host and port in DATABASE_URL right?'
const CHECK_LOGIN = 'check the user and the password in DATABASE_URL'

/** What to do about it, by the code of the operating system or of PostgreSQL (SQLSTATE). */
const ADVICE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host in DATABASE_URL is unknown: check its name',
  EAI_AGAIN: 'the host in DATABASE_URL cannot be looked up: check its name and the name server',
  '08P01': 'if PgBouncer is in between, set its ignore_startup_parameters to what the message names',
  '25006': 'this server takes no writes: let DATABASE_URL point to the primary',
  '28000': CHECK_LOGIN,
  '28P01': CHECK_LOGIN,
  '3D000': 'create the database, or name another one in DATABASE_URL',
  '42501': 'let this user own the database, or grant it what is missing',
  '42P01': 'a table of Millrace was dropped: restore it',
  '53100': 'the disk of the database server is full: make room',
  '53300': 'raise its max_connections, or run fewer instances',
  '57014': 'the statement took too long: look for locks and load in pg_stat_activity',
  '57P01': 'it is stopping, or somebody ended the connection',
  '57P03': 'it is starting or stopping: try again shortly',
}

/** The SQLSTATE of an error or of what lies under it, however often it was wrapped; `''` when there is none. */
export function sqlStateOf(error: unknown): string {
  for (let depth = 0, at = error; at instanceof Error && depth < MAX_DEPTH; depth++, at = at.cause) {
    const { code } = at as { code?: unknown }
    if (typeof code === 'string' && isSqlState(code)) return code
  }
  return ''
}

/** Deeper than any library wraps, and an end where causes go in a circle. */
const MAX_DEPTH = 10

/**
 * Why a statement failed, and what to do about it.
 *
 * @param place where the database is, without the password
 */
export function toDatabaseError(place: string, cause: unknown): MillraceError {
  const { code = '', message } = cause as { code?: string; message: string }
  const general = ADVICE[code] ?? (isSqlState(code) ? 'see the log of PostgreSQL' : IS_IT_THERE)
  const advice = adviceOnTls(message, cause) ?? general
  // Several addresses that all refused give an error without a message.
  return new MillraceError(
    'DATABASE_UNAVAILABLE',
    `PostgreSQL at ${place}: ${plainReason(message) || code}; ${advice}`,
    {
      cause,
    },
  )
}

const ADVICE_ON_TLS: readonly [about: RegExp, advice: string][] = [
  [/valid client certificate/, 'give DB_TLS_CERT and DB_TLS_KEY'],
  [/no encryption/, 'it wants TLS, or does not let this user in from here: set DB_TLS_ENABLED'],
  [/does not support SSL/, 'switch TLS on there (ssl = on), or leave DB_TLS_ENABLED and sslmode out'],
]

function adviceOnTls(message: string, cause: unknown): string | undefined {
  const said = ADVICE_ON_TLS.find(([about]) => about.test(message))?.[1]
  return said ?? tlsAdvice(cause, 'DB_TLS')
}

const isSqlState = (code: string): boolean => /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code)

/** Two transactions got in each other's way, and this one was rolled back: the same again will succeed. */
export const isConflict = (error: unknown): boolean => ['40P01', '40001'].includes(sqlStateOf(error))

/** PostgreSQL refuses a value: data exceptions (22), constraints (23), limits (54). Waiting will not help. */
export const isRefusedValue = (error: unknown): boolean =>
  ['22', '23', '54'].includes(sqlStateOf(error).slice(0, 2))
