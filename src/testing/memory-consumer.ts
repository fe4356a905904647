import { MillraceError } from '../core/errors.ts'
import type { Claim, Consumer, Membership, Outcome } from '../core/stream-log.ts'
import { deadLetterFields } from './dead-letter.ts'
import type { MemoryGroup } from './memory-group.ts'
import type { MemoryStream } from './memory-stream.ts'

const DEFAULTS = { start: '0', minIdleMs: 60_000, deadAfterMs: 10_000 }

/** One member of a group; the group itself lives in the stream, and may be deleted there at any time. */
export class MemoryConsumer implements Consumer {
  readonly #stream: MemoryStream
  readonly #deadLetters: MemoryStream
  readonly #membership: Required<Membership>
  /** What this consumer was given and has not settled, to find out what it lost. */
  readonly #claimed = new Set<string>()
  #left = false

  constructor(membership: Membership, stream: MemoryStream, deadLetters: MemoryStream) {
    this.#membership = { ...DEFAULTS, ...membership }
    this.#stream = stream
    this.#deadLetters = deadLetters
    this.#openGroup()
  }

  async claim(limit: number, waitMs: number, signal: AbortSignal): Promise<Claim[]> {
    if (this.#left) throw new MillraceError('CLOSED', 'the consumer has left its group; join again to claim')
    await nextTurn()
    const deadline = Date.now() + waitMs
    while (!signal.aborted && !this.#left) {
      const group = this.#openGroup()
      const claims = group.claim(this.#membership.consumer, limit, this.#membership)
      for (const { position } of claims) this.#claimed.add(position)
      const now = Date.now()
      if (claims.length > 0 || now >= deadline) return claims
      const wakeAt = Math.min(deadline, group.nextChange(this.#membership.consumer, this.#membership))
      await this.#stream.bell.wait(wakeAt - now, signal)
    }
    return []
  }

  async begin(claims: readonly Claim[]): Promise<string[]> {
    this.#touch()
    return this.#lostOf(claims, ({ position }, group) => group.begin(this.#membership.consumer, position))
  }

  async settle(outcomes: readonly Outcome[]): Promise<string[]> {
    this.#touch()
    const lost = this.#lostOf(outcomes, (outcome, group) => this.#settleOne(outcome, group))
    for (const { position } of outcomes) this.#claimed.delete(position)
    this.#stream.bell.ring()
    return lost
  }

  async heartbeat(): Promise<string[]> {
    this.#touch()
    const claimed = [...this.#claimed].map((position) => ({ position }))
    return this.#lostOf(claimed, ({ position }, group) => group.owns(this.#membership.consumer, position))
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
    if (!group.settle(this.#membership.consumer, outcome)) return false
    if (outcome.kind === 'dead-letter') {
      const entry = this.#stream.find(outcome.position)
      this.#deadLetters.append(deadLetterFields(entry, outcome, this.#membership))
    }
    return true
  }
}

/** A log on a server gives timers and sockets their turn with every call; one that didn't would starve them. */
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))
