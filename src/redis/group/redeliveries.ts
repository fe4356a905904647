import type { Claim } from '../../core/stream-log.ts'
import { AbandonedEntries, type AbandonedOptions } from './abandoned.ts'
import type { GroupCommands } from './group-commands.ts'
import type { Hearing } from './hearing.ts'
import type { Holdings } from './holdings.ts'

export interface RedeliveryOptions extends AbandonedOptions {
  /** Longest pause between two looks at retries and silent consumers, in ms. */
  readonly pollIntervalMs: number
  onTakenOver(count: number): void
}

/**
 * What a member is handed that was delivered before, in this order: everything that is pending, for the new holder of
 * a lease; what a lost reply left behind; what is due for its retry; what others abandoned.
 */
export class Redeliveries {
  readonly #commands: GroupCommands
  readonly #holdings: Holdings
  readonly #hearing: Hearing
  readonly #options: RedeliveryOptions
  readonly #abandoned: AbandonedEntries
  #paused = false
  #inletSeen = false
  #nextPollAt = 0
  #someSilent = false
  /** After retries what others abandoned gets its turn, for the same reason as below. */
  #abandonedFirst = false
  /** After a full round of retries new entries get their turn, so that a mass of retries can't starve them. */
  #newFirst = false
  /** When we last asked, by which a pause is noticed, and said that we live. */
  #lookedAt = 0
  /** Pending to us on the server without our knowing, when a heartbeat looked: perhaps a reply was lost. */
  #stranded: readonly string[] = []
  /** Where the recovery of everything pending goes on; `''` when there is none. */
  #recoverFrom = ''

  constructor(commands: GroupCommands, holdings: Holdings, hearing: Hearing, options: RedeliveryOptions) {
    this.#commands = commands
    this.#holdings = holdings
    this.#hearing = hearing
    this.#options = options
    this.#abandoned = new AbandonedEntries(commands, options)
  }

  /** Whether the group was paused at the last look. */
  get paused(): boolean {
    return this.#paused
  }

  /** Whether there was an inlet at the last look. */
  get inletSeen(): boolean {
    return this.#inletSeen
  }

  get recovering(): boolean {
    return this.#recoverFrom !== ''
  }

  /** Whether a heartbeat found what was handed out to us and did not arrive. */
  get hasStranded(): boolean {
    return this.#holdings.unknown(this.#stranded).length > 0
  }

  /** How long nothing has to be looked at, in ms. */
  get restMs(): number {
    return Math.max(0, this.#nextPollAt - Date.now())
  }

  lookSoon(): void {
    this.#nextPollAt = 0
  }

  stranded(positions: readonly string[]): void {
    this.#stranded = positions
  }

  /** Everything that is pending in the group comes next, whoever has it. */
  recoverAll(): void {
    this.#recoverFrom = '-'
    this.#stranded = []
  }

  /** Nothing is pending, since it is gone. */
  nothingToRecover(): void {
    this.#recoverFrom = ''
  }

  /** What is to be held from now on; what is `parked` is only told. */
  async take(limit: number): Promise<Claim[]> {
    if (this.recovering) return this.#recover(limit)
    const adopted = await this.#adopt()
    return adopted.length > 0 ? adopted : this.#poll(limit)
  }

  async #recover(limit: number): Promise<Claim[]> {
    if (this.#paused && this.restMs > 0) return []
    while (this.recovering) {
      const { next, claims, paused } = await this.#commands.recover(this.#recoverFrom, limit)
      this.#recoverFrom = next
      this.#paused = paused
      if (paused) this.#nextPollAt = Date.now() + this.#options.pollIntervalMs
      if (paused) return []
      if (claims.length > 0) return claims
    }
    this.lookSoon()
    return []
  }

  async #adopt(): Promise<Claim[]> {
    if (this.#stranded.length === 0 || this.#paused) return []
    const stranded = this.#holdings.unknown(this.#stranded)
    this.#stranded = []
    return stranded.length > 0 ? this.#commands.adopt(stranded) : []
  }

  async #poll(limit: number): Promise<Claim[]> {
    if (this.restMs > 0) return []
    if ((this.#newFirst || this.#abandonedFirst) && (await this.#foundPaused())) return []
    if (this.#newFirst) {
      this.#newFirst = false
      return []
    }
    if (this.#abandonedFirst) {
      this.#abandonedFirst = false
      const abandoned = await this.#takeOver(limit)
      if (abandoned.length > 0) return abandoned
    }
    const due = await this.#takeDue(limit)
    return due.length > 0 || this.#paused ? due : this.#takeOver(limit)
  }

  /** Whose turn comes without our asking first must not get it in a pause that began long ago. */
  async #foundPaused(): Promise<boolean> {
    if (Date.now() >= this.#lookedAt + this.#options.pollIntervalMs) await this.#look(0)
    return this.#paused
  }

  async #takeDue(limit: number): Promise<Claim[]> {
    const { due, full, untilNextMs } = await this.#look(limit)
    this.#newFirst = full
    this.#abandonedFirst = due.length > 0
    const wait = Math.min(this.#options.pollIntervalMs, untilNextMs)
    if (!full && !this.#paused) this.#nextPollAt = Date.now() + wait
    return due
  }

  async #look(limit: number) {
    const { deadAfterMs, pollIntervalMs } = this.#options
    const seen = await this.#commands.poll(limit, deadAfterMs)
    this.#hearing.heard()
    this.#lookedAt = Date.now()
    this.#paused = seen.paused
    this.#inletSeen = seen.inlet
    this.#someSilent = seen.silent > 0
    if (seen.paused) this.#nextPollAt = this.#lookedAt + pollIntervalMs
    return seen
  }

  async #takeOver(limit: number): Promise<Claim[]> {
    if (!this.#hearing.mayJudge) return []
    const abandoned = await this.#abandoned.take(limit, this.#someSilent)
    if (abandoned.length > 0) this.#options.onTakenOver(abandoned.length)
    if (this.#abandoned.unfinished) this.lookSoon()
    return abandoned
  }
}
