import type { MillraceError } from '../../core/errors.ts'
import type { Log } from '../../core/service.ts'
import type { Claim, Outcome } from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'
import { remedyFor, replyCode } from '../errors.ts'
import { GroupCommands, type Who } from './group-commands.ts'
import { Hearing } from './hearing.ts'
import { Holdings } from './holdings.ts'
import { Redeliveries } from './redeliveries.ts'
import { SettleCommands } from './settle-commands.ts'

/** Longest pause between two looks at retries and silent consumers, in ms: both are noticed within a second. */
const POLL_INTERVAL_MS = 900

export interface MemberOptions {
  readonly start: string
  readonly minIdleMs: number
  readonly deadAfterMs: number
  readonly claimIntervalMs: number
  readonly log: Log
}

/** A consumer in the group of one stream or inlet: what it holds, and how that is won, kept and lost. */
export class GroupMember {
  readonly redeliveries: Redeliveries
  readonly #commands: GroupCommands
  readonly #settling: SettleCommands
  readonly #options: MemberOptions
  /** What a line of the log should name. */
  readonly #line: { stream: string; group: string; consumer: string }
  readonly #holdings = new Holdings()
  readonly #hearing: Hearing
  readonly #wake: () => void
  /** Lost, as we found out by ourselves; the next heartbeat tells. */
  readonly #untold = new Set<string>()
  /** Whether that is all there was, so that nothing may start which was handed out before. */
  #allLost = false
  /** Perhaps parked, since the reply was lost; until that is known nothing of ours may be claimed again. */
  readonly #perhapsParked = new Set<string>()
  #claimFailed = false
  /** Something may have been handed out to us that we do not know. */
  #claimUncertain = false
  #nextIdleResetAt = 0

  /** @param wake ends a wait for entries, since what was parked may be due before it comes to its end */
  constructor(control: Connection, who: Who, options: MemberOptions, wake: () => void) {
    const { stream, group, consumer } = who
    const { deadAfterMs, minIdleMs, claimIntervalMs, log } = options
    this.#options = options
    this.#line = { stream, group, consumer }
    this.#wake = wake
    this.#commands = new GroupCommands(control, who, (positions) =>
      log.warn(
        { ...this.#line, count: positions.length, first: positions[0] },
        'entries were trimmed while they were pending; a dead letter marks each',
      ),
    )
    this.#settling = new SettleCommands(this.#commands)
    this.#hearing = new Hearing(deadAfterMs)
    this.redeliveries = new Redeliveries(this.#commands, this.#holdings, this.#hearing, {
      minIdleMs,
      deadAfterMs,
      claimIntervalMs,
      // Each poll says that we live, so it must not be rarer than heartbeats are.
      pollIntervalMs: Math.min(POLL_INTERVAL_MS, deadAfterMs / 3),
      onTakenOver: (count) =>
        log.warn({ ...this.#line, count }, 'took over entries of consumers that are gone'),
    })
  }

  get held(): number {
    return this.#holdings.size
  }

  /** Of what was delivered before. Not held yet: see `hold`. */
  async claimAgain(limit: number): Promise<Claim[]> {
    // It could be one of these, and parking it once more would count its next start a second time.
    if (this.isUnsure) return []
    if (this.#claimFailed) {
      // No claim is under way here, so whatever is pending to us now and we do not hold is stranded.
      this.#lost(await this.#beat())
      // A look finds so many at most: what is new must not overtake the rest.
      this.#claimFailed = this.redeliveries.hasStranded
      this.#claimUncertain &&= this.#claimFailed
      // Where order is kept nothing is handed out before that is told; what is stranded comes first then.
      if (this.#commands.who.exclusive && this.hasUntold) return []
    }
    return this.claiming(this.redeliveries.take(limit))
  }

  /** Whether it is open if something was parked: nothing of ours is claimed again before that is known. */
  get isUnsure(): boolean {
    return this.#perhapsParked.size > 0
  }

  /** New entries that are there now; not held yet. */
  read(limit: number): Promise<{ entries: Claim[]; after: string }> {
    return this.claiming(this.#commands.read(limit))
  }

  /** A claim whose reply gets lost may leave entries behind, which are looked for before the next one. */
  async claiming<T>(claim: Promise<T>): Promise<T> {
    try {
      return await claim
    } catch (error) {
      this.#claimFailed = true
      this.#claimUncertain ||= (error as MillraceError).code === 'REDIS_UNCERTAIN'
      throw error
    }
  }

  /** What is ours again is not told as lost: who runs it would let go of it, and nobody would settle it. */
  hold(claims: Claim[]): Claim[] {
    this.#holdings.hold(claims)
    this.#told(claims)
    return claims
  }

  async begin(claims: readonly Claim[]): Promise<string[]> {
    const lost = await this.#lostWithGroup(this.#settling.begin(claims), claims)
    this.#told(claims)
    return lost
  }

  async expedite(positions: readonly string[]): Promise<void> {
    await this.#settling.expedite(positions).catch(unlessGone)
    this.#lookSoon()
  }

  /** What is not known is waiting: it may be among what a lost reply left behind. */
  async waiting(positions: readonly string[]): Promise<string[]> {
    if (this.#claimUncertain) return [...positions]
    return (await this.#settling.waiting(positions).catch(unlessGone)) ?? []
  }

  async settle(outcomes: readonly Outcome[]): Promise<string[]> {
    if (outcomes.length === 0) return []
    const held = this.#holdings.size
    const parked = outcomes.filter(({ kind }) => kind === 'retry' || kind === 'release')
    const call = () => this.#lostWithGroup(this.#settling.settle(outcomes, held), outcomes)
    try {
      const lost = await this.#holdings.letGo(outcomes, call)
      for (const { position } of parked) this.#perhapsParked.delete(position)
      this.#told(outcomes)
      return lost
    } catch (error) {
      if ((error as MillraceError).code === 'REDIS_UNCERTAIN')
        for (const { position } of parked) this.#perhapsParked.add(position)
      // All was lost meanwhile: parked later, they would be taken from whoever is handed them then.
      this.#lost(positionsOf(parked).filter((position) => !this.#holdings.has(position)))
      throw error
    } finally {
      if (parked.length > 0) this.#lookSoon()
    }
  }

  #lookSoon(): void {
    this.redeliveries.lookSoon()
    this.#wake()
  }

  /** What it finds lost is kept until it is told. */
  async heartbeat(): Promise<void> {
    this.#lost(await this.#beat())
  }

  /** Whether something was lost of which whoever runs it does not know yet. */
  get hasUntold(): boolean {
    return this.#untold.size > 0
  }

  /** Whether all that was handed out is lost, and whoever runs it does not know yet. */
  get hasLostAll(): boolean {
    return this.#allLost && this.hasUntold
  }

  /** What was found lost since it was last told. */
  takeUntold(): string[] {
    const lost = [...this.#untold]
    this.#untold.clear()
    this.#allLost = false
    return lost
  }

  /** What is pending in the group comes next, all of it: for the new holder of a lease. */
  recoverAll(): void {
    this.redeliveries.recoverAll()
  }

  /** Nothing is ours any more, as the next heartbeat tells. */
  loseAll(): void {
    this.#lost(this.#holdings.loseAll())
    this.#allLost = true
  }

  /** Whoever is told parks them no more, so there is nothing to find out about that. */
  #lost(positions: readonly string[]): void {
    for (const position of positions) {
      this.#untold.add(position)
      this.#perhapsParked.delete(position)
    }
  }

  /** Whoever asked about these knows how they stand. */
  #told(items: readonly { position: string }[]): void {
    if (this.#untold.size > 0) for (const { position } of items) this.#untold.delete(position)
  }

  async #beat(): Promise<string[]> {
    const held = this.#holdings.positions()
    const beat = this.#commands.heartbeat(held).then(({ lost, unknown }) => {
      this.redeliveries.stranded(unknown)
      this.#hearing.heard()
      return lost
    })
    const all = held.map((position) => ({ position }))
    const lost = await this.#lostWithGroup(beat, all, (position) => this.#holdings.has(position))
    await this.#resetIdle()
    return lost
  }

  async #resetIdle(): Promise<void> {
    const now = Date.now()
    if (now < this.#nextIdleResetAt) return
    this.#nextIdleResetAt = now + this.#options.minIdleMs / 3
    await this.#commands.resetIdle(this.#holdings.positions()).catch(unlessGone)
  }

  /** Hands back what is held, and leaves the group. */
  async leave(): Promise<void> {
    await this.settle(
      this.#holdings
        .entries()
        .map(([position, attempt]) => ({ kind: 'release', position, attempts: attempt - 1 })),
    )
    await this.#commands.leave().catch(unlessGone)
    this.#untold.clear()
  }

  /** What a failed call of a claim asks for: where the group is gone it is created again, anything else is raised. */
  async mend(error: unknown): Promise<void> {
    if (remedyFor(error) !== 'heal') {
      this.#hearing.failed()
      throw error
    }
    await this.heal()
  }

  async heal(): Promise<void> {
    if (!(await this.#commands.ensureGroup(this.#options.start))) return
    this.#lostInOrder()
    this.#options.log.info(this.#line, 'the group did not exist and was created')
  }

  /** Where order is kept, what was lost with the group must not end behind what the new one hands out again. */
  #lostInOrder(): void {
    if (this.#commands.who.exclusive) this.loseAll()
  }

  /**
   * Forgets what a call found lost. With the group its pending list is gone, and so is everything that we held; the
   * next claim heals the group. With the lease of an exclusive group all of it went to the next holder. What was settled while the answer travelled is not lost, where `counts` looks.
   */
  async #lostWithGroup(
    call: Promise<string[]>,
    all: readonly { position: string }[],
    counts: (position: string) => boolean = () => true,
  ): Promise<string[]> {
    const answered = await call.catch((error: unknown) => {
      const isGone = remedyFor(error) === 'heal'
      if (!isGone && replyCode(error) !== 'NOLEASE') throw error
      if (isGone) this.#lostInOrder()
      return all.map(({ position }) => position)
    })
    const lost = answered.filter(counts)
    this.#holdings.forget(lost)
    return lost
  }
}

const positionsOf = (items: readonly { position: string }[]): string[] =>
  items.map(({ position }) => position)

/** A group that is gone can't be left, and has nothing of ours. */
function unlessGone(error: unknown): undefined {
  if (remedyFor(error) !== 'heal') throw error
}
