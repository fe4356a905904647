import { RECORD, type BackedUpStream, type BackupRecord, type ReadFrom } from '../core/backup.ts'
import { comparePositions, FIRST_POSITION, isPosition } from '../core/position.ts'

/**
 * Suffixes of the keys that a backup may hold. Beside a companion that is a log stand others, which is why the first part
 * repeats.
 */
const SUFFIX =
  /^(?:(?:group:[^:]*:inlet|dead-letter|actions)::)*(?:group:[^:]*(?::retry|:inlet)?|dead-letter(?::edits)?|actions|schedule(?::entries)?|retention(?::expired)?)$/

interface LogState {
  readonly suffix: string
  readonly last: string
  readonly groups: Map<string, { readonly delivered: string; pendingTo: string }>
  /** The last entry. */
  at: string
  /** Whether its entries are still to come, or have come. */
  open: boolean
}

/** What a walk needs to know of a stream beside what it shows. */
export interface WalkedStream extends BackedUpStream {
  /** Of all keys. */
  readonly suffixes: readonly string[]
}

/**
 * Follows the records of one stream: checks that they make sense in this order, counts, and knows where reading could go
 * on. What was written is right; this finds the faults of whoever wrote it, and of readers of another version.
 */
export class StreamWalk {
  readonly name: string
  readonly #suffixes = new Set<string>()
  readonly #groups = new Set<string>()
  readonly #done = new Map<string, string>()
  #log: LogState | undefined
  #counts = { entries: 0, pending: 0, deadLetters: 0, scheduled: 0 }
  #ended = false

  constructor(record: BackupRecord) {
    this.name = text(record, 0)
    if (this.name === '') throw new Error('a stream has no name')
  }

  get ended(): boolean {
    return this.#ended
  }

  get stream(): WalkedStream {
    return { name: this.name, ...this.#counts, groups: [...this.#groups], suffixes: [...this.#suffixes] }
  }

  /** Where to go on when everything up to here is kept; undefined where that would be in the middle of something. */
  get resumable(): ReadFrom | undefined {
    const log = this.#log
    if (!log?.open || log.at === FIRST_POSITION) return undefined
    const delivered = new Map([...log.groups].map(([group, state]) => [group, state.delivered]))
    return { done: new Map(this.#done), log: log.suffix, lastPosition: log.last, delivered, after: log.at }
  }

  /** @throws Error that says what makes no sense */
  follow(record: BackupRecord): void {
    if (this.#ended) throw new Error(`"${this.name}" goes on after its end`)
    this.#step(record)
  }

  #step(record: BackupRecord): void {
    switch (record.kind) {
      case RECORD.entry:
        return this.#entry(record)
      case RECORD.pending:
        return this.#pending(record)
      case RECORD.log:
        return this.#beginLog(record)
      case RECORD.group:
        return this.#group(record)
      case RECORD.deleted:
        return this.#endEntries(record)
      case RECORD.consumer:
        this.#groupOf(record)
        return need(record.parts.length === 3, 'a consumer is not complete')
      case RECORD.hash:
      case RECORD.sorted:
      case RECORD.list:
        return this.#companion(record)
      case RECORD.due:
        return need(record.parts.length === 2, 'what is due is not complete')
      case RECORD.end:
        return this.#end(record)
      default:
        throw new Error(`"${this.name}" has another stream within`)
    }
  }

  #beginLog(record: BackupRecord): void {
    const suffix = text(record, 0)
    need(suffix === '' || SUFFIX.test(suffix), `there is no key "${suffix}" beside a stream`)
    const [last, added] = [position(record, 1), number(record, 2)]
    need(added >= 0, 'a log has no count')
    this.#suffixes.add(suffix)
    this.#log = { suffix, last, groups: new Map(), at: FIRST_POSITION, open: true }
  }

  #group(record: BackupRecord): void {
    const log = this.#openLog()
    need(record.parts.length === 3, 'a group is not complete')
    log.groups.set(bytesOf(record, 0), { delivered: position(record, 1), pendingTo: FIRST_POSITION })
    if (log.suffix === '') this.#groups.add(text(record, 0))
  }

  #entry(record: BackupRecord): void {
    const log = this.#openLog()
    const id = position(record, 0)
    need(comparePositions(id, log.at) > 0, `the entry ${id} comes after ${log.at}`)
    need(comparePositions(id, log.last) <= 0, `the entry ${id} lies behind the end of its log, ${log.last}`)
    need(
      record.parts.length >= 3 && record.parts.length % 2 === 1,
      `the entry ${id} has a name without a value`,
    )
    log.at = id
    this.#counts.entries++
    if (log.suffix === 'dead-letter') this.#counts.deadLetters++
  }

  #endEntries(record: BackupRecord): void {
    const log = this.#openLog()
    position(record, 0)
    log.open = false
    this.#done.set(log.suffix, log.last)
  }

  #pending(record: BackupRecord): void {
    const group = this.#groupOf(record)
    const id = position(record, 1)
    need(record.parts.length === 5, `what is pending at ${id} is not complete`)
    need(number(record, 3) >= 0 && number(record, 4) >= 0, `what is pending at ${id} has no count`)
    need(comparePositions(id, group.pendingTo) > 0, `what is pending at ${id} comes after ${group.pendingTo}`)
    group.pendingTo = id
    this.#counts.pending++
  }

  #companion(record: BackupRecord): void {
    const suffix = text(record, 0)
    need(SUFFIX.test(suffix), `there is no key "${suffix}" beside a stream`)
    need(
      record.kind === RECORD.list || record.parts.length % 2 === 1,
      `"${suffix}" has a name without a value`,
    )
    this.#suffixes.add(suffix)
    if (suffix === 'schedule') this.#counts.scheduled += (record.parts.length - 1) / 2
  }

  #end(record: BackupRecord): void {
    const { entries, pending } = this.#counts
    need(
      number(record, 0) === entries,
      `"${this.name}" has ${entries} entries, and should have ${text(record, 0)}`,
    )
    need(
      number(record, 1) === pending,
      `"${this.name}" has ${pending} pending entries, not ${text(record, 1)}`,
    )
    this.#ended = true
  }

  #openLog(): LogState {
    if (!this.#log?.open) throw new Error(`"${this.name}" has entries or groups that belong to no log`)
    return this.#log
  }

  #groupOf(record: BackupRecord): { pendingTo: string } {
    const group = this.#log?.groups.get(bytesOf(record, 0))
    if (!group || this.#log?.open)
      throw new Error(`"${this.name}" has something of the unknown group "${text(record, 0)}"`)
    return group
  }
}

function need(right: boolean, fault: string): void {
  if (!right) throw new Error(fault)
}

const text = ({ parts }: BackupRecord, index: number): string => parts[index]?.toString() ?? ''
/** Names of groups may be no text: each byte as a character. */
const bytesOf = ({ parts }: BackupRecord, index: number): string => parts[index]?.toString('latin1') ?? ''
const number = (record: BackupRecord, index: number): number =>
  /^\d{1,20}$/.test(text(record, index)) ? Number(text(record, index)) : Number.NaN

function position({ parts }: BackupRecord, index: number): string {
  const id = parts[index]?.toString('latin1') ?? ''
  need(isPosition(id), `"${id}" is no position`)
  return id
}
