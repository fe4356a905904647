import { ClientClosedError, ClientOfflineError, ErrorReply } from '@redis/client'
import { MillraceError } from '../core/errors.ts'
import { plainReason, tlsAdvice } from '../core/tls-faults.ts'

/** What a failed command wants done before it is tried again. */
export type Remedy =
  /** Wait: Redis is there and can't at the moment. Costs no attempt of any entry. */
  | 'back-off'
  /** The server or the route changed, or the connection is gone: reconnect, then ask anew. */
  | 'reconnect'
  /** The group is gone: create it again. */
  | 'heal'
  /** Nothing that we do will mend it: an operator must. Loud, and tried again slowly. */
  | 'alarm'

const REMEDIES: Readonly<Record<string, Remedy>> = {
  LOADING: 'back-off',
  BUSY: 'back-off',
  OOM: 'back-off',
  MISCONF: 'back-off',
  NOREPLICAS: 'back-off',
  CLUSTERDOWN: 'back-off',
  TRYAGAIN: 'back-off',
  MASTERDOWN: 'back-off',
  READONLY: 'reconnect',
  MOVED: 'reconnect',
  ASK: 'reconnect',
  UNBLOCKED: 'heal',
  NOGROUP: 'heal',
}

/** The first word of Redis's answer, such as `NOGROUP`; `''` when the error is none of Redis's answers. */
export const replyCode = (error: unknown): string =>
  error instanceof MillraceError && error.code === 'REDIS_REFUSED'
    ? (/^-?([A-Z]+)\b/.exec((error.cause as Error).message)?.[1] ?? '')
    : ''

export function remedyFor(error: unknown): Remedy {
  if (
    error instanceof MillraceError &&
    (error.code === 'REDIS_UNAVAILABLE' || error.code === 'REDIS_UNCERTAIN')
  ) {
    return 'reconnect'
  }
  return REMEDIES[replyCode(error)] ?? 'alarm'
}

/** Nothing was written, and Redis may take it in a moment. A memory that is full does not empty itself. */
export const canWait = (error: MillraceError): boolean =>
  error.code !== 'REDIS_UNCERTAIN' &&
  replyCode(error) !== 'OOM' &&
  ['reconnect', 'back-off'].includes(remedyFor(error))

/** Where a command has to be sent instead: for good, or this time only while its slot is being moved. */
export interface Redirect {
  readonly kind: 'MOVED' | 'ASK'
  /** As Redis tells it, `host:port`; without a host it is the one that was asked. */
  readonly to: string
}

export function redirectOf(error: unknown): Redirect | undefined {
  const kind = replyCode(error)
  if (kind !== 'MOVED' && kind !== 'ASK') return undefined
  const to = ((error as MillraceError).cause as Error).message.split(' ')[2] ?? ''
  return { kind, to }
}

export const closedError = (): MillraceError =>
  new MillraceError('CLOSED', 'the connection to Redis was closed')

/** @param why what the last attempt to connect failed with, and where to */
export const offlineError = (cause?: unknown, why?: string): MillraceError => {
  const reason = why ? ` (${plainReason(why)})` : ''
  const advice = tlsAdvice(cause, TLS_VARIABLES)
  const message = `there is no connection to Redis${reason}; nothing was sent${advice ? `. ${advice}` : ''}`
  return new MillraceError('REDIS_UNAVAILABLE', message, { cause })
}

/** Why a command failed: refused by Redis, never sent, or sent with its reply lost. */
export function toCommandError(cause: unknown): MillraceError {
  const { message } = cause as Error
  if (cause instanceof ErrorReply)
    return new MillraceError('REDIS_REFUSED', `Redis refused: ${message}${adviceOnRights(message)}`, {
      cause,
    })
  if (cause instanceof ClientOfflineError || cause instanceof ClientClosedError) {
    return offlineError(cause)
  }
  return new MillraceError('REDIS_UNCERTAIN', `the reply of Redis was lost: ${message}`, { cause })
}

const RIGHTS = 'docs/security.md lists the rights of each kind of user'

/** A script that lacks a right does not say for which command. */
function adviceOnRights(message: string): string {
  const [, command] = /^NOPERM .*the '([^']+)' command/.exec(message) ?? []
  if (command) return `; grant it (ACL SETUSER … +${command}): ${RIGHTS}`
  if (/^NOPERM|The user executing the script can't/.test(message))
    return `; ACL LOG 1 says which command or key it lacks: ${RIGHTS}`
  return ''
}

/** Why no connection came about; `shown` says where to, without secrets. */
export function toConnectError(shown: string, cause: unknown): MillraceError {
  const { code, message } = cause as NodeJS.ErrnoException
  const reason = plainReason(message || String(code)).replace(/\.$/, '')
  const tls = tlsAdvice(cause, TLS_VARIABLES)
  const text = `Redis can't be reached at ${shown}: ${reason}. ${tls ? `${tls}.` : adviceFor(reason)}`
  return new MillraceError('REDIS_UNAVAILABLE', text, { cause })
}

const TLS_VARIABLES = 'REDIS_TLS'

const ADVICE: readonly [about: RegExp, advice: string][] = [
  [/no answer within/, 'Is it running, and do both ends speak TLS (rediss:, REDIS_TLS_ENABLED), or neither?'],
  [/ECONNRESET|closed unexpectedly/, 'Does that port want TLS (rediss:, REDIS_TLS_ENABLED)?'],
  [/NOPERM/, 'Grant the user that command (ACL SETUSER).'],
  [/WRONGPASS|NOAUTH|AUTH/, 'Are the user and the password right?'],
  [/No such master/, 'Is that what the Sentinels call it?'],
  [/unknown command 'SENTINEL'/i, 'The nodes of a sentinel are those of the Sentinels, not of the servers.'],
  [
    /cluster support disabled|unknown command 'CLUSTER'/i,
    'It is no cluster: give its url (REDIS_URL) instead.',
  ],
]

const adviceFor = (reason: string): string =>
  ADVICE.find(([about]) => about.test(reason))?.[1] ??
  'Is it running, and is REDIS_URL, or the address, right?'

export const notAStream = (stream: string, cause: unknown): MillraceError =>
  new MillraceError('UNKNOWN_STREAM', `"${stream}" holds something else than a stream; choose another name`, {
    cause,
  })
