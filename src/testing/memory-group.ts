import type { Claim, Entry, Outcome, Reservation, Verdict } from '../core/stream-log.ts'
import { MemoryGate, type Terms } from './memory-gate.ts'
import { isInInlet, MemoryInlet } from './memory-inlet.ts'
import { MemoryPending, type EntrySource, type Held, type Trimmed } from './memory-pending.ts'
import { MemoryReservations } from './memory-reservations.ts'

/**
 * A consumer group by its name, whether it exists or not: what Redis keeps beside a group (its low-water mark, a pause,
 * the lease, reservations, copies for it alone) outlives its deletion, and that of its stream, here as well.
 */
export class MemoryGroup {
  readonly inlet = new MemoryInlet()
  paused = false
  readonly #source: EntrySource
  /** Undefined while the group does not exist. */
  #pending: MemoryPending | undefined
  #lowWaterMark: string | undefined
  readonly #gate = new MemoryGate()
  readonly #reservations = new MemoryReservations()

  constructor(source: EntrySource) {
    this.#source = source
  }

  get exists(): boolean {
    return this.#pending !== undefined
  }

  /**
   * Creates it where it is missing. One that was there before and got lost begins after its low-water mark and never at
   * `start`: what it has not acknowledged comes again.
   */
  open(start: string): void {
    if (this.#pending) return
    this.#lowWaterMark ??= start
    this.#pending = new MemoryPending(this.#source, this.#lowWaterMark)
  }

  delete(): void {
    this.#pending = undefined
  }

  /** What is acknowledged so far does not come again when the group is lost. */
  recordLowWaterMark(): void {
    if (this.#pending) this.#lowWaterMark = this.#pending.lowWaterMark()
  }

  /** Of a stream that was deleted everything is new. */
  resetLowWaterMark(start: string): void {
    if (this.#lowWaterMark !== undefined) this.#lowWaterMark = start
  }

  touch(consumer: string): void {
    for (const pending of this.#both) pending.touch(consumer)
  }

  /** How many entries the consumer may be handed now; none while another holds the lease, which it takes where it can. */
  room(consumer: string, limit: number, terms: Terms): number {
    const lease = this.#gate.takeLease(consumer, terms)
    if (lease === 'taken') for (const pending of this.#both) pending.recoverAll()
    if (lease === 'elsewhere' || this.paused) return 0
    return this.#gate.room(limit, terms)
  }

  /** Gives the consumer what is due, then what others abandoned, then what is new. */
  claim(consumer: string, limit: number, terms: Terms): Claim[] {
    const claims = this.#fromBoth(limit, (pending, left) => pending.recover(consumer, left))
    if (claims.length === 0)
      claims.push(...this.#fromBoth(limit, (pending, left) => pending.take(consumer, left, terms)))
    this.#gate.handedOut(claims.filter(({ origin }) => origin !== 'parked').length, terms)
    return claims
  }

  #fromBoth(limit: number, take: (pending: MemoryPending, left: number) => Claim[]): Claim[] {
    const claims: Claim[] = []
    for (const pending of this.#both) {
      const left = limit - claims.length
      if (left > 0) claims.push(...take(pending, left))
    }
    return claims
  }

  get #both(): MemoryPending[] {
    return this.#pending ? [this.#pending, this.inlet.pending] : [this.inlet.pending]
  }

  /** Where an entry is pending, if it is; undefined where the group is gone. */
  #of(position: string): MemoryPending | undefined {
    return isInInlet(position) ? this.inlet.pending : this.#pending
  }

  /** Whether the consumer may have what it was handed: in an exclusive group only the holder of the lease. */
  holdsLease(consumer: string, terms: Terms): boolean {
    return this.#gate.holdsLease(consumer, terms)
  }

  /** Whether the consumer may go on with what it holds. */
  renew(consumer: string, terms: Terms): boolean {
    return this.#gate.renewLease(consumer, terms)
  }

  /** What was found trimmed, told once. */
  takeTrimmed(): Trimmed[] {
    return this.#pending?.takeTrimmed() ?? []
  }

  reserve(reservations: readonly Reservation[], ttlMs: number): Verdict[] {
    const pending = new Set(this.#both.flatMap((one) => one.all()))
    return reservations.map((one) =>
      this.#reservations.reserve(one, ttlMs, (position) => pending.has(position)),
    )
  }

  isWaiting(position: string): boolean {
    return this.#of(position)?.isWaiting(position) ?? false
  }

  expedite(position: string): void {
    this.#of(position)?.expedite(position)
  }

  claimAsStranger(consumer: string, limit: number): Entry[] {
    return this.#pending?.claimAsStranger(consumer, limit) ?? []
  }

  /** When `claim` may find something without anything being written. */
  nextChange(consumer: string, terms: Terms): number {
    if (this.paused) return Infinity
    const opensAt = this.#gate.opensAt(consumer, terms)
    if (opensAt > 0) return opensAt
    return Math.min(...this.#both.map((pending) => pending.nextChange(consumer, terms)))
  }

  owns(consumer: string, position: string): boolean {
    return this.#of(position)?.owns(consumer, position) ?? false
  }

  /** Writes the start down; false when the entry is not the consumer's. */
  begin(consumer: string, claim: Claim): boolean {
    return this.#of(claim.position)?.begin(consumer, claim) ?? false
  }

  /** False, and nothing changed, when the entry is not the consumer's. */
  settle(consumer: string, outcome: Outcome): boolean {
    const { kind, position } = outcome
    const pending = this.#of(position)
    if (kind === 'retry' || kind === 'release') return pending?.park(consumer, outcome) ?? false
    if (!pending?.end(consumer, position)) return false
    this.inlet.delete(position)
    const { identity } = outcome
    if (identity === undefined) return true
    if (kind === 'acknowledge') this.#reservations.done({ position, identity })
    else this.#reservations.free({ position, identity })
    return true
  }

  /** What the consumer holds, as it is now. */
  heldBy(consumer: string): [position: string, Readonly<Held>][] {
    return this.#both.flatMap((pending) => [...pending.heldBy(consumer)])
  }

  /** Whoever leaves holds nothing any more. */
  leave(consumer: string): void {
    for (const pending of this.#both) pending.leave(consumer)
    this.#gate.releaseLease(consumer)
  }
}
