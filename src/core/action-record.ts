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
  | 'cancel-scheduled'
  | 'claim'
  | 'create-group'
  | 'delete-group'
  | 'discard'
  | 'edit'
  | 'hold'
  | 'pause'
  | 'pause-pipeline'
  | 'redrive'
  | 'release'
  | 'release-hold'
  | 'remove-consumer'
  | 'replay'
  | 'reset'
  | 'restart-pipeline'
  | 'restore'
  | 'resume'
  | 'resume-pipeline'
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
  /** The dead letters or entries it was done to, by their ids, where they were told one by one. */
  ids: readonly string[]
  /** The same in all records of one call: a large one is done, and written down, in several steps. */
  run: string
  /** What else there is to say, such as `from` and `to`. */
  detail: Readonly<Record<string, string>>
}

/** What there is to write down of a deed beside who did what, and to which stream. */
export interface ActionDetail {
  group?: string
  /** 0 when left out. */
  count?: number
  ids?: readonly string[]
  /** Of the records that belong to one call; a new one when left out. */
  run?: string
  /** By names that no other field of a record has. */
  detail?: Readonly<Record<string, string>>
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

  /**
   * What was done to any stream, newest first by the clocks of the servers; `after` is `next` of the page before. It
   * looks through all keys, a part of them a call, so it is for people who look, not for a loop.
   */
  recent(page?: ActionPage): Promise<{ records: ActionRecord[]; next?: string }>

  /**
   * Writes down a deed that is more than one step on the server, such as a backup: whoever does it says so, before or
   * after. Answers the record's id. What is one step leaves its record in it, and needs no call.
   *
   * @throws MillraceError `NAME_INVALID`, `CONFIGURATION_INVALID`
   * @example
   * await actions.record('user:events', 'backup', { actor: 'cron:nightly' }, { count: 1200, detail: { file: 'a.backup' } })
   */
  record(stream: string, action: ActionName, operator: Operator, what?: ActionDetail): Promise<string>
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
