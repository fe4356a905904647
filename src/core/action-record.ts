import { InvalidError, type Issue } from './errors.ts'
import { checkName } from './names.ts'

/** Who mends something by hand, and why: written down with what was done. */
export interface Operator {
  /** A person or a program, such as `ada@example.com` or `cron:nightly`. */
  actor: string
  /** In the operator's own words, at most 1000 characters. */
  reason?: string
}

export type ActionName =
  | 'acknowledge'
  | 'backup'
  | 'claim'
  | 'create-group'
  | 'delete-group'
  | 'discard'
  | 'edit'
  | 'hold'
  | 'pause'
  | 'redrive'
  | 'release'
  | 'remove-consumer'
  | 'replay'
  | 'reset'
  | 'restore'
  | 'resume'
  | 'trim'

/** What an operator did to a stream. Written in the same step as the deed itself, so neither is there alone. */
export interface ActionRecord {
  /** Grows in the order in which things were done. */
  id: string
  /** ISO 8601 in UTC, by the clock of the server. */
  time: string
  action: ActionName
  actor: string
  reason: string
  stream: string
  /** The group that it was done to, where it was one. */
  group?: string
  /** How many letters or entries it was done to. */
  count: number
  /** The dead letters it was done to, by their ids. */
  ids: readonly string[]
  /** The same in all records of one call: a large one is done, and written down, in several steps. */
  run: string
  /** What else there is to say, such as `from` and `to`. */
  detail: Readonly<Record<string, string>>
}

export interface ActionPage {
  /** Where the page before ended; without it, the newest records. */
  after?: string
  /** How many records at most, 1 to 500 (50). */
  limit?: number
}

/** What was done by hand, newest first. About 10000 records are kept for each stream. */
export interface ActionRecords {
  /** `next` is absent at the end. An unknown stream has no records. */
  actions(stream: string, page?: ActionPage): Promise<{ records: ActionRecord[]; next?: string }>
}

const MAX_REASON_LENGTH = 1_000

/** @throws MillraceError `NAME_INVALID`, or InvalidError `CONFIGURATION_INVALID` for a reason that is too long */
export function checkOperator({ actor, reason = '' }: Operator): Required<Operator> {
  checkName('actor', actor)
  const issues: Issue[] = []
  if (typeof reason !== 'string' || reason.length > MAX_REASON_LENGTH || !reason.isWellFormed())
    issues.push({ path: 'reason', message: `must be a text of at most ${MAX_REASON_LENGTH} characters` })
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the action can not be written down', issues)
  return { actor, reason }
}
