import { comparePositions } from '../core/position.ts'
import type { Claim, Entry, Outcome } from '../core/stream-log.ts'

/** What a group needs of its stream. */
export interface EntrySource {
  find(position: string): Entry | undefined
  after(position: string, limit: number): Entry[]
}

/** When a silent consumer loses what it holds; see `Membership`. */
export interface Patience {
  minIdleMs: number
  deadAfterMs: number
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

  constructor(source: EntrySource, start: string) {
    this.#source = source
    this.#lastDelivered = start
  }

  /** The consumer lives: it joins the group, or stays in it. */
  touch(consumer: string): void {
    this.#member(consumer, true).lastSeen = Date.now()
  }

  /** Gives the consumer what is due, then what others abandoned, then what is new. */
  claim(consumer: string, limit: number, patience: Patience): Claim[] {
    const member = this.#member(consumer, true)
    const claims = member.newFirst ? this.#takeNew(member.held, limit) : []
    claims.push(...this.#takeDue(member.held, limit - claims.length))
    claims.push(...this.#takeAbandoned(consumer, limit - claims.length, patience))
    member.newFirst = !member.newFirst && claims.length === limit
    claims.push(...this.#takeNew(member.held, limit - claims.length))
    return claims
  }

  /** Takes new entries for a consumer of other software, which then is silent about them. */
  claimAsStranger(consumer: string, limit: number): Entry[] {
    return this.#takeNew(this.#member(consumer, false).held, limit)
  }

  /** When `claim` may find something without anything being written: a retry falls due, or a consumer counts as dead. */
  nextChange(consumer: string, patience: Patience): number {
    let next = Infinity
    for (const { due } of this.#parked.values()) next = Math.min(next, due)
    for (const [member, , held] of this.#heldByOthers(consumer)) {
      next = Math.min(next, abandonedAt(member, held, patience))
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
    if (outcome.kind === 'release') this.#park(position, outcome.attempts, 0)
    return true
  }

  /** Hands back what the consumer holds, with the attempts that it found. */
  leave(consumer: string): void {
    for (const [position, { attempt }] of this.#members.get(consumer)?.held ?? []) {
      this.#park(position, attempt - 1, 0)
    }
    this.#members.delete(consumer)
  }

  /** Everything at or below it is acknowledged. */
  lowWaterMark(): string {
    const pending = [...this.#parked.keys()]
    for (const { held } of this.#members.values()) pending.push(...held.keys())
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

  #takeAbandoned(consumer: string, limit: number, patience: Patience): Claim[] {
    const to = this.#member(consumer, true).held
    const now = Date.now()
    const claims: Claim[] = []
    for (const [member, position, held] of this.#heldByOthers(consumer)) {
      if (claims.length >= limit) break
      if (abandonedAt(member, held, patience) > now) continue
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

  /** None for an entry that was trimmed while it was pending: it is lost, and pending no more. */
  #redeliver(position: string, starts: number, origin: Claim['origin'], to: Map<string, Held>): Claim[] {
    const entry = this.#source.find(position)
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

const abandonedAt = (member: Member, held: Held, { minIdleMs, deadAfterMs }: Patience): number =>
  member.ours ? member.lastSeen + deadAfterMs : held.since + minIdleMs

function positionBefore(position: string): string {
  const [ms = 0n, sequence = 0n] = position.split('-').map(BigInt)
  return sequence > 0n ? `${ms}-${sequence - 1n}` : `${ms - 1n}-${MAX_SEQUENCE}`
}

const MAX_SEQUENCE = 2n ** 64n - 1n
