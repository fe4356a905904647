import { comparePositions, FIRST_POSITION } from '../core/position.ts'
import type { Claim, Entry, Outcome, Reservation, Verdict } from '../core/stream-log.ts'
import { MemoryGate, type Terms } from './memory-gate.ts'
import { MemoryInlet } from './memory-inlet.ts'
import { MemoryReservations } from './memory-reservations.ts'

/** What a group needs of its stream. */
export interface EntrySource {
  find(position: string): Entry | undefined
  after(position: string, limit: number): Entry[]
}

/** An entry that was pending when it was trimmed. */
export interface Trimmed {
  position: string
  attempts: number
}

/** An entry in the pending list of a consumer. */
interface Held {
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

/** A consumer group: how far it has read, and what is pending with whom. Everything here is atomic, as a script is. */
export class MemoryGroup {
  readonly #source: EntrySource
  #lastDelivered: string
  readonly #members = new Map<string, Member>()
  readonly #parked = new Map<string, Parked>()
  readonly #gate = new MemoryGate()
  readonly #reservations = new MemoryReservations()
  /** Found trimmed since it was last asked. */
  #trimmed: Trimmed[] = []
  /** For the new holder of the lease: what is pending after this position comes before all else. */
  #recoverAfter: string | undefined
  readonly inlet = new MemoryInlet()

  constructor(source: EntrySource, start: string) {
    this.#source = source
    this.#lastDelivered = start
  }

  /** The consumer lives: it joins the group, or stays in it. */
  touch(consumer: string): void {
    this.#member(consumer, true).lastSeen = Date.now()
  }

  /** Gives the consumer what is due, then what others abandoned, then what is new, as the terms allow. */
  claim(consumer: string, limit: number, terms: Terms): Claim[] {
    const lease = this.#gate.takeLease(consumer, terms)
    if (lease === 'elsewhere') return []
    if (lease === 'taken') this.#recoverAfter = FIRST_POSITION
    const room = this.#gate.room(limit, terms)
    if (room === 0) return []
    const claims = this.#recover(consumer, room)
    if (claims.length === 0) claims.push(...this.#take(consumer, room, terms))
    this.#gate.handedOut(claims.filter(({ origin }) => origin !== 'parked').length, terms)
    return claims
  }

  #take(consumer: string, limit: number, terms: Terms): Claim[] {
    const member = this.#member(consumer, true)
    const claims = member.newFirst ? this.#takeNew(member.held, limit) : []
    claims.push(...this.#takeDue(member.held, limit - claims.length))
    claims.push(...this.#takeAbandoned(consumer, limit - claims.length, terms))
    member.newFirst = !member.newFirst && claims.length === limit
    claims.push(...this.#takeNew(member.held, limit - claims.length))
    return claims
  }

  /** A page of everything that is pending, in order; what waits for its retry is only told. */
  #recover(consumer: string, limit: number): Claim[] {
    const after = this.#recoverAfter
    if (after === undefined) return []
    const pending = this.#pending().filter((position) => comparePositions(position, after) > 0)
    const page = pending.sort(comparePositions).slice(0, limit)
    this.#recoverAfter = page.at(-1)
    const claims = page.flatMap((position) => this.#recoverOne(consumer, position))
    return claims.length > 0 || page.length === 0 ? claims : this.#recover(consumer, limit)
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

  #pending(): string[] {
    const held = [...this.#members.values()].flatMap((member) => [...member.held.keys()])
    return [...this.#parked.keys(), ...held]
  }

  /** Whether the consumer may go on with what it holds. */
  renew(consumer: string, terms: Terms): boolean {
    return this.#gate.renewLease(consumer, terms)
  }

  /** What was found trimmed, told once. */
  takeTrimmed(): Trimmed[] {
    const trimmed = this.#trimmed
    this.#trimmed = []
    return trimmed
  }

  reserve(reservations: readonly Reservation[], ttlMs: number): Verdict[] {
    const pending = new Set(this.#pending())
    return reservations.map((one) =>
      this.#reservations.reserve(one, ttlMs, (position) => pending.has(position)),
    )
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

  /** When `claim` may find something without anything being written: a retry falls due, or a consumer counts as dead. */
  nextChange(consumer: string, terms: Terms): number {
    const opensAt = this.#gate.opensAt(consumer, terms)
    if (opensAt > 0) return opensAt
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

  /** Writes the start down; false when the entry is not the consumer's. */
  begin(consumer: string, position: string): boolean {
    const held = this.#members.get(consumer)?.held.get(position)
    if (!held) return false
    held.starts = held.attempt
    return true
  }

  /** False, and nothing changed, when the entry is not the consumer's. */
  settle(consumer: string, outcome: Outcome): boolean {
    const { position } = outcome
    if (!this.#members.get(consumer)?.held.delete(position)) return false
    if (outcome.kind === 'retry') this.#park(position, outcome.attempts, outcome.delayMs)
    if (outcome.kind === 'release') this.#park(position, outcome.attempts, outcome.delayMs ?? 0)
    if (outcome.kind === 'acknowledge' || outcome.kind === 'dead-letter') this.#end(outcome)
    return true
  }

  #end(outcome: Extract<Outcome, { kind: 'acknowledge' | 'dead-letter' }>): void {
    const { kind, position, identity } = outcome
    this.inlet.delete(position)
    if (identity === undefined) return
    if (kind === 'acknowledge') this.#reservations.done({ position, identity })
    else this.#reservations.free({ position, identity })
  }

  /** Hands back what the consumer holds, with the attempts that it found. */
  leave(consumer: string): void {
    for (const [position, { attempt }] of this.#members.get(consumer)?.held ?? []) {
      this.#park(position, attempt - 1, 0)
    }
    this.#members.delete(consumer)
    this.#gate.releaseLease(consumer)
  }

  /** Everything at or below it is acknowledged. */
  lowWaterMark(): string {
    const pending = this.#pending().filter((position) => this.inlet.find(position) === undefined)
    const [oldest] = pending.sort(comparePositions)
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

  #park(position: string, starts: number, delayMs: number): void {
    this.#parked.set(position, { starts, due: Date.now() + delayMs })
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
    const entry = this.inlet.find(position) ?? this.#source.find(position)
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
    const copies = this.inlet.take(limit)
    const fresh = this.#source.after(this.#lastDelivered, limit - copies.length)
    const entries = [...copies, ...fresh]
    for (const { position } of entries) to.set(position, { starts: 1, attempt: 1, since: Date.now() })
    this.#lastDelivered = fresh.at(-1)?.position ?? this.#lastDelivered
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
