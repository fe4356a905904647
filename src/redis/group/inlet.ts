import type { Claim, Outcome } from '../../core/stream-log.ts'
import { remedyFor, replyCode } from '../errors.ts'
import type { GroupMember } from './group-member.ts'
import { claimFromInlet, fromInlet, toInlet } from './inlet-position.ts'

/** Pause between two looks into an inlet that had nothing for us, in ms. */
const LOOK_INTERVAL_MS = 900

/**
 * The side entrance of a group: entries for this group alone, read without waiting and only while there are some. It is
 * a group on a stream of its own, so retries, takeover and healing are those of any other; only the positions are told
 * under other names.
 */
export class Inlet {
  readonly #member: GroupMember
  #open = false
  #nextLookAt = 0
  /** The stream's consumer learns only with its next look that the inlet is gone. */
  #goneUntil = 0
  /** After copies new entries get their turn, so that a mass of copies can't starve them. */
  #streamFirst = false
  #used = false

  constructor(member: GroupMember) {
    this.#member = member
  }

  /** Whether anything may have come from here, now or earlier. */
  get used(): boolean {
    return this.#used
  }

  /** How long nothing has to be looked at, in ms. */
  get restMs(): number {
    if (!this.#open) return Infinity
    return Math.max(0, Math.min(this.#nextLookAt - Date.now(), this.#member.redeliveries.restMs))
  }

  /** Tells whether there is an inlet, and answers whether its turn has come. */
  turn(open: boolean): boolean {
    this.#open = open && Date.now() >= this.#goneUntil
    // What is pending comes first, also where nobody has looked yet whether there is an inlet.
    if (this.#member.redeliveries.recovering) return true
    if (!this.#open || this.restMs > 0) return false
    const yields = this.#streamFirst
    this.#streamFirst = false
    return !yields
  }

  /** Copies to run; not held yet. The group is created where only a writer was before. */
  async claim(limit: number): Promise<Claim[]> {
    this.#used = true
    try {
      const claims = await this.#claim(limit)
      this.#streamFirst = claims.length > 0
      this.#nextLookAt = claims.length > 0 ? 0 : Date.now() + LOOK_INTERVAL_MS
      return claims.map(claimFromInlet)
    } catch (error) {
      // Who lost the lease has nothing to mend.
      if (replyCode(error) === 'NOLEASE') throw error
      await this.#member.mend(error).catch((reason: unknown) => this.#gone(reason))
      return []
    }
  }

  /** An inlet that is gone was emptied by others, which is how each one ends. */
  #gone(error: unknown): void {
    if (remedyFor(error) !== 'heal') throw error
    this.#member.redeliveries.nothingToRecover()
    this.#open = false
    this.#goneUntil = Date.now() + LOOK_INTERVAL_MS
  }

  async #claim(limit: number): Promise<Claim[]> {
    const again = await this.#member.claimAgain(limit)
    return again.length > 0 ? again : (await this.#member.read(limit)).entries
  }

  hold(claims: readonly Claim[]): void {
    this.#member.hold(claims.map((claim) => ({ ...claim, position: toInlet(claim.position) })))
  }

  async begin(claims: readonly Claim[]): Promise<string[]> {
    const own = claims.map((claim) => ({ ...claim, position: toInlet(claim.position) }))
    return (await this.#member.begin(own)).map(fromInlet)
  }

  expedite(positions: readonly string[]): Promise<void> {
    return this.#member.expedite(positions.map(toInlet))
  }

  async waiting(positions: readonly string[]): Promise<string[]> {
    return (await this.#member.waiting(positions.map(toInlet))).map(fromInlet)
  }

  async settle(outcomes: readonly Outcome[]): Promise<string[]> {
    const own = outcomes.map((outcome) => ({ ...outcome, position: toInlet(outcome.position) }))
    return (await this.#member.settle(own)).map(fromInlet)
  }

  async heartbeat(): Promise<void> {
    const silent = !this.#open && this.#member.held === 0
    if (this.#used && !silent) await this.#member.heartbeat()
  }

  get hasUntold(): boolean {
    return this.#member.hasUntold
  }

  get hasLostAll(): boolean {
    return this.#member.hasLostAll
  }

  /** What was lost since it was last told. */
  takeUntold(): string[] {
    return this.#member.takeUntold().map(fromInlet)
  }

  recoverAll(): void {
    this.#member.recoverAll()
  }

  loseAll(): void {
    this.#member.loseAll()
  }

  async leave(): Promise<void> {
    if (this.#used) await this.#member.leave()
  }
}
