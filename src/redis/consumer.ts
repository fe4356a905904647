import { noLog, type Log } from '../core/service.ts'
import type { Claim, Consumer, Membership, Outcome } from '../core/stream-log.ts'
import { AbandonedEntries } from './abandoned.ts'
import type { Connection } from './connection.ts'
import { remedyFor } from './errors.ts'
import { GroupCommands } from './group-commands.ts'
import { Reader } from './reader.ts'

/** Longest pause between two looks at retries and silent consumers, in ms: both are noticed within it. */
const POLL_INTERVAL_MS = 1_000
const DEFAULT_MIN_IDLE_MS = 60_000
const DEFAULT_DEAD_AFTER_MS = 10_000

/** A consumer of a group on a stream of Redis. It knows what it holds; the server decides what is really its own. */
export class RedisConsumer implements Consumer {
  readonly #commands: GroupCommands
  readonly #reader: Reader
  readonly #abandoned: AbandonedEntries
  readonly #start: string
  readonly #deadAfterMs: number
  readonly #minIdleMs: number
  readonly #pollIntervalMs: number
  readonly #log: Log
  /** What a line of the log should name. */
  readonly #who: { stream: string; group: string; consumer: string }
  /** Position → attempt. */
  readonly #held = new Map<string, number>()
  /** On their way out: ours no more if the call succeeds, still ours if it fails. */
  readonly #settling = new Set<readonly Outcome[]>()
  /** Pending to us on the server without our knowing, when a heartbeat looked: perhaps a reply was lost. */
  #stranded: string[] = []
  #readFailed = false
  #nextPollAt = 0
  #nextIdleResetAt = 0
  /** Lost, as we found out by ourselves; the next heartbeat tells. */
  readonly #untold: string[] = []
  /** When Redis last heard of us, whether a call has failed since, and from when on we judge who is dead. */
  #heardAt = Date.now()
  #cutOff = false
  #judgesFrom = 0
  #someSilent = false
  /** After retries what others abandoned gets its turn, for the same reason as below. */
  #abandonedFirst = false
  /** After a full round of retries new entries get their turn, so that a mass of retries can't starve them. */
  #newFirst = false
  #left = false

  constructor(
    connections: { control: Connection; reader: Connection },
    membership: Membership,
    log: Log = noLog,
  ) {
    const { stream, group, consumer, start = '0' } = membership
    this.#deadAfterMs = membership.deadAfterMs ?? DEFAULT_DEAD_AFTER_MS
    this.#minIdleMs = membership.minIdleMs ?? DEFAULT_MIN_IDLE_MS
    // Each poll says that we live, so it must not be rarer than heartbeats are.
    this.#pollIntervalMs = Math.min(POLL_INTERVAL_MS, this.#deadAfterMs / 3)
    this.#start = start
    this.#log = log
    this.#who = { stream, group, consumer }
    this.#commands = new GroupCommands(connections.control, stream, group, consumer)
    this.#reader = new Reader(connections.reader, connections.control, { stream, group, consumer })
    this.#abandoned = new AbandonedEntries(this.#commands, this.#minIdleMs, this.#deadAfterMs)
  }

  /** Creates the group where it is missing, and shows that we live. */
  async join(): Promise<void> {
    await this.#heal()
    await this.heartbeat()
  }

  async claim(limit: number, waitMs: number, signal: AbortSignal): Promise<Claim[]> {
    try {
      return await this.#claim(limit, waitMs, signal)
    } catch (error) {
      this.#cutOff = true
      if (remedyFor(error) !== 'heal') throw error
      await this.#heal()
      return []
    }
  }

  async #claim(limit: number, waitMs: number, signal: AbortSignal): Promise<Claim[]> {
    const waiting = (await this.#adopt()) ?? (await this.#poll(limit))
    if (waiting.length > 0) return this.#hold(waiting)
    const untilPoll = Math.max(1, this.#nextPollAt - Date.now())
    try {
      const entries: Claim[] = await this.#reader.read(limit, Math.min(waitMs, untilPoll), signal)
      return this.#hold(entries)
    } catch (error) {
      this.#readFailed = true
      throw error
    }
  }

  /** What a lost reply left pending to us. No read is under way here, so whatever we do not hold now is stranded. */
  async #adopt(): Promise<Claim[] | undefined> {
    if (this.#readFailed) {
      this.#untold.push(...(await this.#beat()))
      this.#readFailed = false
    }
    if (this.#stranded.length === 0) return undefined
    const leaving = new Set([...this.#settling].flat().map(({ position }) => position))
    const stranded = this.#stranded.filter((position) => !this.#held.has(position) && !leaving.has(position))
    this.#stranded = []
    return stranded.length > 0 ? this.#commands.adopt(stranded) : undefined
  }

  async #poll(limit: number): Promise<Claim[]> {
    if (Date.now() < this.#nextPollAt) return []
    if (this.#newFirst) {
      this.#newFirst = false
      return []
    }
    if (this.#abandonedFirst) {
      this.#abandonedFirst = false
      const abandoned = await this.#takeOver(limit)
      if (abandoned.length > 0) return abandoned
    }
    const { due, untilNextMs, silentConsumers } = await this.#commands.poll(limit, this.#deadAfterMs)
    this.#wasHeard()
    this.#someSilent = silentConsumers > 0
    const full = due.length === limit
    this.#newFirst = full
    this.#abandonedFirst = due.length > 0
    if (!full) this.#nextPollAt = Date.now() + Math.min(this.#pollIntervalMs, untilNextMs)
    return due.length > 0 ? due : this.#takeOver(limit)
  }

  /** Who was cut off can't tell the dead from those who were cut off as well, so they get the time to come back. */
  #wasHeard(): void {
    const now = Date.now()
    if (this.#cutOff && now - this.#heardAt > this.#deadAfterMs) this.#judgesFrom = now + this.#deadAfterMs
    this.#heardAt = now
    this.#cutOff = false
  }

  async #takeOver(limit: number): Promise<Claim[]> {
    if (Date.now() < this.#judgesFrom) return []
    const abandoned = await this.#abandoned.take(limit, this.#someSilent)
    if (abandoned.length > 0)
      this.#log.warn(
        { ...this.#who, count: abandoned.length },
        'took over entries of consumers that are gone',
      )
    if (this.#abandoned.unfinished) this.#nextPollAt = 0
    return abandoned
  }

  #hold(claims: Claim[]): Claim[] {
    for (const { position, attempt } of claims) this.#held.set(position, attempt)
    return claims
  }

  async begin(claims: readonly Claim[]): Promise<string[]> {
    const redelivered = claims.filter(({ origin }) => origin !== 'new')
    return this.#forget(await this.#lostWithGroup(this.#commands.begin(redelivered), redelivered))
  }

  async settle(outcomes: readonly Outcome[]): Promise<string[]> {
    const held = this.#held.size
    const attempts = outcomes.map(({ position }) => this.#letGo(position))
    this.#settling.add(outcomes)
    try {
      return await this.#lostWithGroup(this.#commands.settle(outcomes, held), outcomes)
    } catch (error) {
      outcomes.forEach(({ position }, index) => this.#holdAgain(position, attempts[index]))
      throw error
    } finally {
      this.#settling.delete(outcomes)
      if (outcomes.some(({ kind }) => kind === 'retry' || kind === 'release')) this.#pollSoon()
    }
  }

  /** Before the call and not after it: what is parked may be claimed again before we hear that it was parked. */
  #letGo(position: string): number | undefined {
    const attempt = this.#held.get(position)
    this.#held.delete(position)
    return attempt
  }

  #holdAgain(position: string, attempt: number | undefined): void {
    if (attempt !== undefined && !this.#held.has(position)) this.#held.set(position, attempt)
  }

  /** What was parked may be due before the read that waits comes to its end. */
  #pollSoon(): void {
    this.#nextPollAt = 0
    this.#reader.wake()
  }

  async heartbeat(): Promise<string[]> {
    const lost = await this.#beat()
    return [...this.#untold.splice(0), ...lost]
  }

  async #beat(): Promise<string[]> {
    const now = Date.now()
    const resetIdle = now >= this.#nextIdleResetAt
    const held = [...this.#held.keys()]
    const beat = this.#commands.heartbeat(held, resetIdle).then(({ lost, unknown }) => {
      if (resetIdle) this.#nextIdleResetAt = now + this.#minIdleMs / 3
      this.#stranded = unknown
      this.#wasHeard()
      return lost
    })
    const lost = await this.#lostWithGroup(
      beat,
      held.map((position) => ({ position })),
    )
    // What was settled while the answer travelled is not lost.
    return this.#forget(lost.filter((position) => this.#held.has(position)))
  }

  async leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    await this.#reader.close()
    await this.settle(
      [...this.#held].map(([position, attempt]) => ({ kind: 'release', position, attempts: attempt - 1 })),
    )
    await this.#commands.leave().catch((error: unknown) => {
      // A group that is gone can't be left, and has nothing of ours.
      if (remedyFor(error) !== 'heal') throw error
    })
  }

  #forget(lost: string[]): string[] {
    for (const position of lost) this.#held.delete(position)
    return lost
  }

  /** With the group its pending list is gone, and so is everything that we held; the next claim heals the group. */
  async #lostWithGroup(call: Promise<string[]>, all: readonly { position: string }[]): Promise<string[]> {
    try {
      return await call
    } catch (error) {
      if (remedyFor(error) !== 'heal') throw error
      return all.map(({ position }) => position)
    }
  }

  async #heal(): Promise<void> {
    if (await this.#commands.ensureGroup(this.#start))
      this.#log.info(this.#who, 'the group did not exist and was created')
  }
}
