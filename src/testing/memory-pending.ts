import { comparePositions, FIRST_POSITION } from '../core/position.ts'
import type { Claim, Entry, Outcome } from '../core/stream-log.ts'
import type { Terms } from './memory-gate.ts'

/** Where entries come from: a stream, or the copies for one group. */
export interface EntrySource {
  find(position: string): Entry | undefined
  after(position: string, limit: number): Entry[]
}

export type Parking = Extract<Outcome, { kind: 'retry' | 'release' }>

/** An entry that was pending when it was trimmed. */
export interface Trimmed {
  position: string
  attempts: number
}

/** An entry in the pending list of a consumer. */
export interface Held {
  /** Starts that are written down. */
  starts: number
  /** What the claim counts as; written down when it begins. */
  attempt: number
  since: number
}

interface Member {
  /** Consumers of other software send no heartbeats; they are judged by how long they hold an entry. */
  ours: boolean
  lastSeen: number
  /** After a claim full of old entries the new ones get their turn, or a mass of retries would starve them. */
  newFirst: boolean
  readonly held: Map<string, Held>
}

/** An entry that belongs to nobody until it is due. */
interface Parked {
  starts: number
  due: number
}

/** How far a group has read a source, and what is pending with whom. Everything here is atomic, as a script is. */
export class MemoryPending {
  readonly #source: EntrySource
  #lastDelivered: string
  readonly #members = new Map<string, Member>()
  readonly #parked = new Map<string, Parked>()
  /** Found trimmed since it was last asked. */
  #trimmed: Trimmed[] = []
  /** For the new holder of the lease: what is pending after this position comes before all else. */
  #recoverAfter: string | undefined

  constructor(source: EntrySource, start: string) {
    this.#source = source
    this.#lastDelivered = start
  }

  /** The consumer lives: it joins the group, or stays in it. */
  touch(consumer: string): void {
    this.#member(consumer, true).lastSeen = Date.now()
  }

  /** Due retries, what others abandoned, and what is new. */
  take(consumer: string, limit: number, terms: Terms): Claim[] {
    const member = this.#member(consumer, true)
    const claims = member.newFirst ? this.#takeNew(member.held, limit) : []
    claims.push(...this.#takeDue(member.held, limit - claims.length))
    claims.push(...this.#takeAbandoned(consumer, limit - claims.length, terms))
    member.newFirst = !member.newFirst && claims.length === limit
    claims.push(...this.#takeNew(member.held, limit - claims.length))
    return claims
  }

  /** Everything that is pending comes next; see `recover`. */
  recoverAll(): void {
    this.#recoverAfter = FIRST_POSITION
  }

  /** A page of everything that is pending, in order; what waits for its retry is only told. */
  recover(consumer: string, limit: number): Claim[] {
    const after = this.#recoverAfter
    if (after === undefined) return []
    const pending = this.all().filter((position) => comparePositions(position, after) > 0)
    const page = pending.sort(comparePositions).slice(0, limit)
    this.#recoverAfter = page.at(-1)
    const claims = page.flatMap((position) => this.#recoverOne(consumer, position))
    return claims.length > 0 || page.length === 0 ? claims : this.recover(consumer, limit)
  }

  #recoverOne(consumer: string, position: string): Claim[] {
    const parked = this.#parked.get(position)
    if (parked) {
      const entry = this.#find(position, parked.starts)
      return entry ? [{ ...entry, attempt: parked.starts + 1, origin: 'parked' }] : []
    }
    const owner = [...this.#members.values()].find(({ held }) => held.has(position))!
    const { starts } = owner.held.get(position)!
    owner.held.delete(position)
    return this.#redeliver(position, starts, 'abandoned', this.#member(consumer, true).held)
  }

  /** Everything that was handed out and did not end. */
  all(): string[] {
    const held = [...this.#members.values()].flatMap((member) => [...member.held.keys()])
    return [...this.#parked.keys(), ...held]
  }

  /** What was found trimmed, told once. */
  takeTrimmed(): Trimmed[] {
    const trimmed = this.#trimmed
    this.#trimmed = []
    return trimmed
  }

  isWaiting(position: string): boolean {
    return this.#parked.has(position)
  }

  expedite(position: string): void {
    const parked = this.#parked.get(position)
    if (parked) parked.due = Math.min(parked.due, Date.now())
  }

  /** Takes new entries for a consumer of other software, which then is silent about them. */
  claimAsStranger(consumer: string, limit: number): Entry[] {
    return this.#takeNew(this.#member(consumer, false).held, limit)
  }

  /** When a claim may find something without anything being written: a retry falls due, or a consumer counts as dead. */
  nextChange(consumer: string, terms: Terms): number {
    let next = Infinity
    for (const { due } of this.#parked.values()) next = Math.min(next, due)
    for (const [member, , held] of this.#heldByOthers(consumer)) {
      next = Math.min(next, abandonedAt(member, held, terms))
    }
    return next
  }

  owns(consumer: string, position: string): boolean {
    return this.#members.get(consumer)?.held.has(position) ?? false
  }

  /**
   * Writes the start down; false when the entry is not the consumer's, or was claimed anew since and begun. Of what was
   * trimmed meanwhile it is not written, since Redis can't; it never comes again, so only its tombstone could tell.
   */
  begin(consumer: string, { position, attempt }: Claim): boolean {
    const held = this.#members.get(consumer)?.held.get(position)
    if (!held || held.starts > attempt) return false
    if (this.#source.find(position)) held.starts = attempt
    return true
  }

  /** Takes an entry from the consumer for good; false, and nothing changed, when it is not the consumer's. */
  end(consumer: string, position: string): boolean {
    return this.#members.get(consumer)?.held.delete(position) ?? false
  }

  /**
   * Takes an entry from the consumer until it is due; false, and nothing changed, when it is not the consumer's, or was
   * claimed anew since and begun. What was trimmed meanwhile can't come again: see `takeTrimmed`.
   */
  park(consumer: string, outcome: Parking): boolean {
    const { kind, position, attempts, delayMs = 0 } = outcome
    // What is given back may have been started all the same.
    const most = kind === 'retry' ? attempts : attempts + 1
    const starts = this.#members.get(consumer)?.held.get(position)?.starts ?? 0
    if (starts > most || !this.end(consumer, position)) return false
    if (this.#find(position, attempts))
      this.#parked.set(position, { starts: attempts, due: Date.now() + delayMs })
    return true
  }

  /** What the consumer holds. */
  heldBy(consumer: string): ReadonlyMap<string, Readonly<Held>> {
    return this.#members.get(consumer)?.held ?? new Map<string, Held>()
  }

  leave(consumer: string): void {
    this.#members.delete(consumer)
  }

  /** Everything at or below it is acknowledged. */
  lowWaterMark(): string {
    const [oldest] = this.all().sort(comparePositions)
    return oldest === undefined ? this.#lastDelivered : positionBefore(oldest)
  }

  #member(consumer: string, ours: boolean): Member {
    let member = this.#members.get(consumer)
    if (!member) {
      member = { ours, lastSeen: Date.now(), newFirst: false, held: new Map() }
      this.#members.set(consumer, member)
    }
    return member
  }

  #takeDue(to: Map<string, Held>, limit: number): Claim[] {
    const now = Date.now()
    const due = [...this.#parked].filter(([, parked]) => parked.due <= now)
    due.sort(([a, first], [b, second]) => first.due - second.due || comparePositions(a, b))
    return due.slice(0, limit).flatMap(([position, { starts }]) => {
      this.#parked.delete(position)
      return this.#redeliver(position, starts, 'retry', to)
    })
  }

  #takeAbandoned(consumer: string, limit: number, terms: Terms): Claim[] {
    const to = this.#member(consumer, true).held
    const now = Date.now()
    const claims: Claim[] = []
    for (const [member, position, held] of this.#heldByOthers(consumer)) {
      if (claims.length >= limit) break
      if (abandonedAt(member, held, terms) > now) continue
      member.held.delete(position)
      claims.push(...this.#redeliver(position, held.starts, 'abandoned', to))
    }
    return claims
  }

  *#heldByOthers(consumer: string): Generator<[Member, position: string, Held]> {
    for (const [name, member] of this.#members) {
      if (name === consumer) continue
      for (const [position, held] of member.held) yield [member, position, held]
    }
  }

  /** Undefined for an entry that was trimmed while it was pending: it is pending no more. */
  #find(position: string, starts: number): Entry | undefined {
    const entry = this.#source.find(position)
    if (!entry) {
      this.#parked.delete(position)
      this.#trimmed.push({ position, attempts: starts })
    }
    return entry
  }

  #redeliver(position: string, starts: number, origin: Claim['origin'], to: Map<string, Held>): Claim[] {
    const entry = this.#find(position, starts)
    if (!entry) return []
    const attempt = starts + 1
    to.set(position, { starts, attempt, since: Date.now() })
    return [{ ...entry, attempt, origin }]
  }

  #takeNew(to: Map<string, Held>, limit: number): Claim[] {
    const entries = this.#source.after(this.#lastDelivered, limit)
    for (const { position } of entries) to.set(position, { starts: 1, attempt: 1, since: Date.now() })
    this.#lastDelivered = entries.at(-1)?.position ?? this.#lastDelivered
    return entries.map((entry) => ({ ...entry, attempt: 1, origin: 'new' }))
  }
}

const abandonedAt = (member: Member, held: Held, { minIdleMs, deadAfterMs }: Terms): number =>
  member.ours ? member.lastSeen + deadAfterMs : held.since + minIdleMs

function positionBefore(position: string): string {
  const [ms = 0n, sequence = 0n] = position.split('-').map(BigInt)
  return sequence > 0n ? `${ms}-${sequence - 1n}` : `${ms - 1n}-${MAX_SEQUENCE}`
}

const MAX_SEQUENCE = 2n ** 64n - 1n
