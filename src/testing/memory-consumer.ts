import { MillraceError } from '../core/errors.ts'
import type { Claim, Consumer, Entry, Membership, Outcome, Reservation, Verdict } from '../core/stream-log.ts'
import { deadLetterFields } from './dead-letter.ts'
import type { MemoryGroup } from './memory-group.ts'
import type { MemoryStream } from './memory-stream.ts'

const DEFAULTS = { start: '0', minIdleMs: 60_000, deadAfterMs: 10_000 }
type Resolved = Membership & typeof DEFAULTS
type DeadLetterOutcome = Extract<Outcome, { kind: 'dead-letter' }>

/** One member of a group; the group itself lives in the stream, and may be deleted there at any time. */
export class MemoryConsumer implements Consumer {
  /** In one process nobody is halted while others go on. */
  readonly mayRun = true
  readonly #stream: MemoryStream
  readonly #deadLetters: MemoryStream
  readonly #membership: Resolved
  readonly #streamOf: (name: string) => MemoryStream
  /** What this consumer was given and has not settled, to find out what it lost. */
  readonly #claimed = new Set<string>()
  #left = false

  constructor(membership: Membership, deadLetters: string, streamOf: (name: string) => MemoryStream) {
    this.#membership = { ...DEFAULTS, ...membership }
    this.#streamOf = streamOf
    this.#stream = streamOf(membership.stream)
    this.#deadLetters = streamOf(deadLetters)
    this.#openGroup()
  }

  async claim(limit: number, waitMs: number, signal: AbortSignal): Promise<Claim[]> {
    if (this.#left) throw new MillraceError('CLOSED', 'the consumer has left its group; join again to claim')
    await nextTurn()
    const deadline = Date.now() + waitMs
    while (!signal.aborted && !this.#left) {
      const group = this.#openGroup()
      const claims = this.#claimFrom(group, limit)
      const now = Date.now()
      if (claims.length > 0 || now >= deadline) return claims
      const wakeAt = Math.min(deadline, this.#nextChange(group))
      await this.#stream.bell.wait(wakeAt - now, signal)
    }
    return []
  }

  #claimFrom(group: MemoryGroup, limit: number): Claim[] {
    const { group: name, consumer } = this.#membership
    if (this.#stream.isPaused(name)) return []
    const claims = group.claim(consumer, limit, this.#membership)
    for (const { position, origin } of claims) if (origin !== 'parked') this.#claimed.add(position)
    for (const { position, attempts } of group.takeTrimmed()) this.#bury(entombed(position, attempts))
    return claims
  }

  #nextChange(group: MemoryGroup): number {
    const { group: name, consumer } = this.#membership
    return this.#stream.isPaused(name) ? Infinity : group.nextChange(consumer, this.#membership)
  }

  async begin(claims: readonly Claim[]): Promise<string[]> {
    this.#touch()
    return this.#lostOf(claims, ({ position }, group) => group.begin(this.#membership.consumer, position))
  }

  async expedite(positions: readonly string[]): Promise<void> {
    for (const position of positions) this.#group?.expedite(position)
    this.#stream.bell.ring()
  }

  async waiting(positions: readonly string[]): Promise<string[]> {
    return positions.filter((position) => this.#group?.isWaiting(position))
  }

  async reserve(reservations: readonly Reservation[], ttlMs: number): Promise<Verdict[]> {
    return this.#openGroup().reserve(reservations, ttlMs)
  }

  /** There are no slots here. */
  checkProduced(): void {}

  async settle(outcomes: readonly Outcome[]): Promise<string[]> {
    this.#touch()
    const lost = this.#lostOf(outcomes, (outcome, group) => this.#settleOne(outcome, group))
    for (const { position } of outcomes) this.#claimed.delete(position)
    this.#stream.bell.ring()
    return lost
  }

  async heartbeat(): Promise<string[]> {
    this.#touch()
    const { consumer } = this.#membership
    const renewed = this.#group?.renew(consumer, this.#membership) ?? false
    const claimed = [...this.#claimed].map((position) => ({ position }))
    return this.#lostOf(claimed, ({ position }, group) => renewed && group.owns(consumer, position))
  }

  async leave(): Promise<void> {
    this.#left = true
    this.#claimed.clear()
    this.#group?.leave(this.#membership.consumer)
    this.#stream.bell.ring()
  }

  get #group(): MemoryGroup | undefined {
    return this.#stream.group(this.#membership.group)
  }

  /** Creates the group if need be, and is a member of it from then on. */
  #openGroup(): MemoryGroup {
    const group = this.#stream.openGroup(this.#membership.group, this.#membership.start)
    group.touch(this.#membership.consumer)
    return group
  }

  #touch(): void {
    if (!this.#left) this.#group?.touch(this.#membership.consumer)
  }

  /** The positions at which `step` found that the entry is no longer ours: all of them when the group is gone. */
  #lostOf<T extends { position: string }>(
    items: readonly T[],
    step: (item: T, group: MemoryGroup) => boolean,
  ): string[] {
    const group = this.#group
    const lost = items.filter((item) => !group || !step(item, group)).map(({ position }) => position)
    for (const position of lost) this.#claimed.delete(position)
    return lost
  }

  #settleOne(outcome: Outcome, group: MemoryGroup): boolean {
    const { consumer } = this.#membership
    const copy = group.inlet.find(outcome.position)
    const entry = copy ?? this.#stream.find(outcome.position)
    // What was trimmed can't be retried: there is nothing to run.
    const ending = !entry && isParking(outcome) ? entombed(outcome.position, outcome.attempts) : outcome
    if (!group.settle(consumer, ending)) return false
    if (ending.kind === 'dead-letter')
      this.#bury(copy ? { ...ending, position: copy.copyOf.position } : ending, entry)
    if (ending.kind === 'acknowledge')
      for (const { stream, fields } of ending.produce ?? []) this.#streamOf(stream).append(fields)
    return true
  }

  #bury(outcome: DeadLetterOutcome, entry?: Entry): void {
    const stands = entry && { ...entry, position: outcome.position }
    this.#deadLetters.append(deadLetterFields(stands, outcome, this.#membership))
  }
}

const isParking = (outcome: Outcome) => outcome.kind === 'retry' || outcome.kind === 'release'

const entombed = (position: string, attempts: number): DeadLetterOutcome => ({
  kind: 'dead-letter',
  position,
  attempts,
  letter: { error: 'ENTRY_TRIMMED', reason: 'the entry was trimmed from its stream while it was pending' },
})

/** A log on a server gives timers and sockets their turn with every call; one that didn't would starve them. */
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))
