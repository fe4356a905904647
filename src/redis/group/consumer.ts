import { MillraceError } from '../../core/errors.ts'
import { pause } from '../../core/pause.ts'
import { noLog, type Log } from '../../core/service.ts'
import type {
  Claim,
  Consumer,
  Membership,
  Outcome,
  Produced,
  Reservation,
  Verdict,
} from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'
import type { RequestSettling } from '../rpc/redis-rpc.ts'
import { GroupMember } from './group-member.ts'
import { Inlet } from './inlet.ts'
import { isInInlet } from './inlet-position.ts'
import { MeteredClaims } from './metered-claims.ts'
import { checkProduced } from './produce.ts'
import { Reader } from './reader.ts'
import { Reservations } from './reservations.ts'

const DEFAULT_MIN_IDLE_MS = 60_000
const DEFAULT_DEAD_AFTER_MS = 10_000
const DEFAULT_CLAIM_INTERVAL_MS = 30_000

/** What a claim comes from is what it is settled with. */
type Side = Pick<Consumer, 'begin' | 'expedite' | 'settle' | 'waiting'>

const positionOf = ({ position }: { position: string }): string => position
const asItIs = (position: string): string => position

/**
 * A consumer of a group on a stream of Redis, and on the group's inlet beside it. It knows what it holds; the server
 * decides what is really its own.
 */
export class RedisConsumer implements Consumer {
  readonly #stream: string
  /** What is produced are replies, whose streams are chosen by the slot. */
  readonly #replies: boolean
  readonly #member: GroupMember
  readonly #inlet: Inlet
  readonly #reader: Reader
  readonly #reservations: Reservations
  /** Undefined where nothing stands between the group and its entries. */
  readonly #metered: MeteredClaims | undefined
  #left = false

  constructor(
    connections: { control: Connection; reader: Connection },
    membership: Membership,
    log: Log = noLog,
    requests?: RequestSettling,
  ) {
    const { stream, group, consumer, start = '0', exclusive = false, rateLimit } = membership
    const { minIdleMs = DEFAULT_MIN_IDLE_MS, deadAfterMs = DEFAULT_DEAD_AFTER_MS } = membership
    const { claimIntervalMs = DEFAULT_CLAIM_INTERVAL_MS } = membership
    this.#stream = stream
    this.#replies = requests !== undefined
    const { control } = connections
    const options = { start, minIdleMs, deadAfterMs, claimIntervalMs, log }
    const who = { stream, group, consumer, exclusive, inlet: false, requests }
    const wake = () => this.#reader.wake()
    this.#reader = new Reader(connections.reader, control, { stream, group, consumer })
    this.#member = new GroupMember(control, who, options, wake)
    this.#inlet = new Inlet(
      new GroupMember(control, { ...who, inlet: true }, { ...options, start: '0' }, wake),
    )
    this.#reservations = new Reservations(control, stream, group)
    if (exclusive || rateLimit) {
      const parts = { member: this.#member, inlet: this.#inlet, reader: this.#reader }
      this.#metered = new MeteredClaims(control, parts, { ...membership, deadAfterMs })
    }
  }

  /** Creates the group where it is missing, and shows that we live. */
  async join(): Promise<void> {
    await this.#member.heal()
    await this.heartbeat()
  }

  get mayRun(): boolean {
    return this.#metered?.mayRun() ?? true
  }

  async claim(limit: number, waitMs: number, signal: AbortSignal): Promise<Claim[]> {
    if (this.#left) throw new MillraceError('CLOSED', 'the consumer has left its group; join again to claim')
    try {
      return this.#metered
        ? await this.#metered.claim(limit, waitMs, signal)
        : await this.#claim(limit, waitMs, signal)
    } catch (error) {
      await this.#member.mend(error)
      return []
    }
  }

  async #claim(limit: number, waitMs: number, signal: AbortSignal): Promise<Claim[]> {
    const member = this.#member
    const { redeliveries } = member
    const again = await member.claimAgain(limit)
    if (again.length > 0) return member.hold(again)
    if (redeliveries.paused) {
      await pause(Math.min(waitMs, redeliveries.restMs), signal)
      return []
    }
    if (this.#inlet.turn(redeliveries.inletSeen)) {
      const copies = await this.#inlet.claim(limit)
      if (copies.length > 0) {
        this.#inlet.hold(copies)
        return copies
      }
    }
    const longest = Math.min(waitMs, redeliveries.restMs, this.#inlet.restMs)
    return member.hold(await member.claiming(this.#reader.read(limit, longest, signal)))
  }

  async begin(claims: readonly Claim[]): Promise<string[]> {
    const redelivered = claims.filter(({ origin }) => origin !== 'new')
    if (redelivered.length === 0) return []
    if (!this.mayRun) return redelivered.map(({ position }) => position)
    return this.#route(redelivered, positionOf, (side, part) => side.begin(part))
  }

  async expedite(positions: readonly string[]): Promise<void> {
    await this.#route(positions, asItIs, async (side, part) => {
      await side.expedite(part)
      return []
    })
  }

  waiting(positions: readonly string[]): Promise<string[]> {
    return this.#route(positions, asItIs, (side, part) => side.waiting(part))
  }

  reserve(reservations: readonly Reservation[], ttlMs: number): Promise<Verdict[]> {
    return this.#reservations.reserve(reservations, ttlMs)
  }

  checkProduced(produced: Produced): void {
    if (!this.#replies) checkProduced(this.#stream, [produced])
  }

  settle(outcomes: readonly Outcome[]): Promise<string[]> {
    return this.#route(outcomes, positionOf, (side, part) => side.settle(part))
  }

  async heartbeat(): Promise<string[]> {
    await this.#metered?.renew()
    // It would come behind our leaving, and say that we live.
    if (this.#left) return []
    await Promise.all([this.#member.heartbeat(), this.#inlet.heartbeat()])
    // Only now, when nothing can fail any more: what is taken has to be told.
    return [...this.#member.takeUntold(), ...this.#inlet.takeUntold()]
  }

  async #route<T>(
    items: readonly T[],
    positionOf: (item: T) => string,
    call: (side: Side, part: readonly T[]) => Promise<string[]>,
  ): Promise<string[]> {
    // Also one that never read the inlet may be asked about what others had from it.
    if (!items.some((item) => isInInlet(positionOf(item)))) return call(this.#member, items)
    const own = items.filter((item) => !isInInlet(positionOf(item)))
    const copies = items.filter((item) => isInInlet(positionOf(item)))
    if (own.length === 0) return call(this.#inlet, copies)
    const calls = [call(this.#member, own), call(this.#inlet, copies)]
    await Promise.allSettled(calls)
    return (await Promise.all(calls)).flat()
  }

  async leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    await this.#reader.close()
    await this.#inlet.leave()
    await this.#member.leave()
    await this.#metered?.leave()
  }
}
