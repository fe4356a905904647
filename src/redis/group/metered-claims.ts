import { pause } from '../../core/pause.ts'
import type { Claim, Membership } from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'
import { replyCode } from '../errors.ts'
import { Lease } from '../lease.ts'
import type { GroupMember } from './group-member.ts'
import type { Inlet } from './inlet.ts'
import { groupKeys } from '../keys.ts'
import { RateLimiter, type Grant } from './rate-limit.ts'
import type { Reader } from './reader.ts'

/** Longest wait without a look around, in ms. */
const LOOK_INTERVAL_MS = 900
/** Pause between two looks whether a heartbeat has told what was lost, in ms. */
const TELLING_MS = 20

/** What a round found, or for how long there is nothing to look for: then not even new entries are waited for. */
interface Round {
  readonly claims: Claim[]
  readonly restMs?: number
}

const unlimited = (count: number): Grant => ({ count, waitMs: 0, giveBack: async () => {} })

/**
 * Claims of a group in which something is asked before entries are handed out: the lease of an exclusive group, the rate
 * of a limited one. Entries are taken at one moment, when both allow it, and never by a read that waits: that could
 * still take them when the lease or the moment is long gone. What waits is a plain read, which takes nothing.
 * All members of a group must be told the same: one that asks for no lease is handed entries beside its holder.
 */
export class MeteredClaims {
  readonly #member: GroupMember
  readonly #inlet: Inlet
  readonly #reader: Reader
  readonly #lease: Lease | undefined
  readonly #rate: RateLimiter | undefined
  /** Where the next new entry lies behind, as far as the last read knew. */
  #after = ''

  constructor(
    control: Connection,
    parts: { member: GroupMember; inlet: Inlet; reader: Reader },
    membership: Membership & { deadAfterMs: number },
  ) {
    const { stream, group, consumer, exclusive, rateLimit, deadAfterMs } = membership
    this.#member = parts.member
    this.#inlet = parts.inlet
    this.#reader = parts.reader
    this.#rate = rateLimit && new RateLimiter(control, stream, group, rateLimit)
    if (!exclusive) return
    const sides = [parts.member, parts.inlet]
    this.#lease = new Lease(control, {
      key: groupKeys(stream, group).lease,
      consumer,
      lastsMs: deadAfterMs,
      onTaken: () => sides.forEach((side) => side.recoverAll()),
      onLost: () => sides.forEach((side) => side.loseAll()),
    })
  }

  async claim(limit: number, waitMs: number, signal: AbortSignal): Promise<Claim[]> {
    const end = performance.now() + waitMs
    const first = await this.#round(limit)
    const left = end - performance.now()
    if (first.claims.length > 0 || left <= 0 || signal.aborted) return first.claims
    await this.#wait(first, left, signal)
    return signal.aborted ? [] : (await this.#round(limit)).claims
  }

  /** Whether what was handed out may start now. What was lost may not, also where the lease is ours again since. */
  mayRun(): boolean {
    if (!this.#lease) return true
    return this.#lease.term !== undefined && !this.#member.hasLostAll && !this.#inlet.hasLostAll
  }

  /** Something was lost, and whoever runs it does not know yet. */
  get #hasUntold(): boolean {
    return this.#member.hasUntold || this.#inlet.hasUntold
  }

  /** Keeps the lease while nothing is claimed; what was lost with it is told by the heartbeat that follows. */
  async renew(): Promise<void> {
    await this.#lease?.renew()
  }

  async leave(): Promise<void> {
    await this.#lease?.release()
  }

  async #round(limit: number): Promise<Round> {
    const lease = this.#lease
    if (!lease) return this.#withinRate(limit)
    if (!(await lease.ensure())) return { claims: [], restMs: lease.restMs }
    // Handed out again, an entry that whoever runs it still takes for its own would be one and the same to it. And what
    // is new must not overtake what can't be claimed again yet.
    if (this.#hasUntold || this.#member.isUnsure) return { claims: [], restMs: TELLING_MS }
    const { term } = lease
    try {
      const round = await this.#withinRate(limit, () => lease.term === term)
      return round.claims.length === 0 && this.#hasUntold ? { claims: [], restMs: TELLING_MS } : round
    } catch (error) {
      if (replyCode(error) !== 'NOLEASE') throw error
      lease.lose()
      return { claims: [], restMs: 0 }
    }
  }

  async #withinRate(limit: number, stillOurs = () => true): Promise<Round> {
    const grant = (await this.#rate?.take(limit)) ?? unlimited(limit)
    if (grant.count === 0) return { claims: [], restMs: grant.waitMs }
    const { claims, hold } = await this.#gather(grant.count)
    // Lost while the answer travelled: it stays pending, and whoever holds the lease next finds it.
    const ours = stillOurs()
    if (ours) hold(claims.filter(({ origin }) => origin !== 'parked'))
    // No claim waits for that, or is lost by it: what can't be given back is missing until its window is over.
    grant.giveBack(grant.count - claims.filter(({ origin }) => origin !== 'parked').length).catch(() => {})
    if (!ours) return { claims: [], restMs: 0 }
    const { paused, restMs } = this.#member.redeliveries
    return paused ? { claims, restMs } : { claims }
  }

  async #gather(limit: number): Promise<{ claims: Claim[]; hold(claims: Claim[]): void }> {
    const member = this.#member
    const { redeliveries } = member
    const ofStream = (claims: Claim[]) => ({ claims, hold: (held: Claim[]) => void member.hold(held) })
    const again = await member.claimAgain(limit)
    if (again.length > 0 || redeliveries.paused) return ofStream(again)
    if (this.#inlet.turn(redeliveries.inletSeen)) {
      const copies = await this.#inlet.claim(limit)
      if (copies.length > 0) return { claims: copies, hold: (held) => this.#inlet.hold(held) }
    }
    if (this.#lease && this.#hasUntold) return ofStream([])
    const { entries, after } = await member.read(limit)
    this.#after = after
    return ofStream(entries)
  }

  async #wait({ restMs }: Round, longestMs: number, signal: AbortSignal): Promise<void> {
    const longest = Math.min(longestMs, LOOK_INTERVAL_MS, this.#lease?.restMs ?? Infinity)
    if (restMs !== undefined) return pause(Math.min(longest, restMs), signal)
    const until = Math.min(longest, this.#member.redeliveries.restMs, this.#inlet.restMs)
    await this.#reader.waitForNews(this.#after, until, signal)
  }
}
