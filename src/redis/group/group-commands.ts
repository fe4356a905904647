import { comparePositions } from '../../core/position.ts'
import type { Claim } from '../../core/stream-log.ts'
import * as claims from './claim-scripts.ts'
import type { Connection } from '../connection.ts'
import type { GroupScript, Reading } from './group-script.ts'
import * as scripts from './group-scripts.ts'
import { deadLetterKey, groupKeys, inletKey, type GroupKeys } from '../keys.ts'
import type { RequestSettling } from '../rpc/redis-rpc.ts'

/** More in one script would hold up other clients for longer than a few milliseconds. */
const MAX_ENTRIES_PER_CALL = 250
const SWEEP_PAGE = 1_000
const CONSUMERS_PAGE = 100

/** Who asks, and what it reads. */
export interface Who extends Reading {
  /** Of an inlet, the stream beside it. */
  readonly stream: string
  readonly group: string
  readonly consumer: string
  readonly requests?: RequestSettling | undefined
}

/** The scripts by which one consumer comes, is handed entries, lives and goes, typed. Nothing here remembers anything. */
export class GroupCommands {
  readonly who: Who
  readonly #connection: Connection
  readonly #keys: GroupKeys
  readonly #lease: string
  readonly #onTrimmed: (positions: readonly string[]) => void

  /** @param onTrimmed told of entries that were pending and had been trimmed */
  constructor(
    connection: Connection,
    who: Who,
    onTrimmed: (positions: readonly string[]) => void = () => {},
  ) {
    const { stream, group, inlet } = who
    this.who = who
    this.#connection = connection
    this.#keys = groupKeys(inlet ? inletKey(stream, group) : stream, group)
    this.#lease = groupKeys(stream, group).lease
    this.#onTrimmed = onTrimmed
  }

  /** Answers whether the group was missing. */
  async ensureGroup(start: string): Promise<boolean> {
    return (await this.run(scripts.ensureGroupScript, [start])) === 1
  }

  async poll(limit: number, deadAfterMs: number) {
    const count = Math.min(limit, MAX_ENTRIES_PER_CALL)
    const { stream, group } = this.who
    const args = [String(count), String(deadAfterMs)]
    const reply = await this.run(claims.pollScript, args, [inletKey(stream, group)])
    const [wait, silent, paused, inlet, rows, trimmed] = reply
    this.tellTrimmed(trimmed)
    const untilNextMs = wait < 0 ? Infinity : wait
    const due = toClaims(rows, 'retry')
    return { due, full: due.length === count, untilNextMs, silent, paused: paused === 1, inlet: inlet === 1 }
  }

  /** One page; answers from where to go on, or `''`, and how many had lost their time. */
  sweep(cursor: string): Promise<[next: string, found: number]> {
    return this.run(claims.sweepScript, [cursor, String(SWEEP_PAGE)])
  }

  /** One page of silent consumers of ours: those that hold nothing are removed, the others named. */
  async tidyConsumers(deadAfterMs: number) {
    const args = [String(deadAfterMs), String(CONSUMERS_PAGE)]
    const [holding, more] = await this.run(scripts.janitorScript, args)
    return { holding, more: more === 1 }
  }

  /** Consumers of other software that hold entries. */
  async strangers(): Promise<string[]> {
    const names: string[] = []
    for (let skip = 0, more = 1; more === 1; skip += CONSUMERS_PAGE) {
      const [page, next] = await this.run(scripts.strangersScript, [String(skip), String(CONSUMERS_PAGE)])
      names.push(...page)
      more = next
    }
    return names
  }

  async takeOver(from: {
    consumer: string
    minIdleMs: number
    cursor: string
    limit: number
    silentMs: number
  }) {
    const { consumer, minIdleMs, cursor, silentMs } = from
    const limit = String(Math.min(from.limit, MAX_ENTRIES_PER_CALL))
    const scan = minIdleMs === 0 ? limit : String(MAX_ENTRIES_PER_CALL)
    const args = [consumer, String(minIdleMs), cursor, limit, scan, String(silentMs)]
    const [next, idleMs, rows, trimmed] = await this.run(claims.takeOverScript, args)
    this.tellTrimmed(trimmed)
    return { next, idleMs, claims: toClaims(rows, 'abandoned') }
  }

  async adopt(positions: readonly string[]): Promise<Claim[]> {
    const adopted: Claim[] = []
    for (const part of pages(positions, MAX_ENTRIES_PER_CALL)) {
      const [rows, trimmed] = await this.run(claims.adoptScript, part)
      this.tellTrimmed(trimmed)
      adopted.push(...toClaims(rows, 'abandoned'))
    }
    return adopted
  }

  /** New entries that are there now; without any, `after` is where the next one comes. */
  async read(limit: number): Promise<{ entries: Claim[]; after: string }> {
    const [rows, after] = await this.run(claims.readScript, [String(Math.min(limit, MAX_ENTRIES_PER_CALL))])
    return { entries: rows.map(([position, fields]) => toClaim([position, 0, fields], 'new')), after }
  }

  /** A page of everything that is pending, for the new holder of the lease, and where to go on, or `''`. */
  async recover(cursor: string, limit: number) {
    const args = [cursor, String(Math.min(limit, MAX_ENTRIES_PER_CALL))]
    const [next, rows, trimmed, paused] = await this.run(claims.recoverScript, args)
    this.tellTrimmed(trimmed)
    const found = rows.map(([position, starts, fields, parked]) =>
      toClaim([position, starts, fields], parked === 1 ? 'parked' : 'abandoned'),
    )
    return { next, claims: found, paused: paused === 1 }
  }

  async heartbeat(held: readonly string[]) {
    const [lost, unknown] = await this.run(scripts.heartbeatScript, held)
    return { lost, unknown }
  }

  /** Says of entries that they are worked on. */
  async resetIdle(positions: readonly string[]): Promise<void> {
    for (const part of pages(positions, MAX_ENTRIES_PER_CALL))
      this.tellTrimmed(await this.run(scripts.resetIdleScript, part))
  }

  async leave(): Promise<void> {
    const args = [String(MAX_ENTRIES_PER_CALL), this.who.exclusive ? '1' : '0']
    for (let count = 1; count > 0;) {
      const [handedBack, trimmed] = await this.run(scripts.leaveScript, args)
      this.tellTrimmed(trimmed)
      count = handedBack
    }
  }

  tellTrimmed(positions: readonly string[]): void {
    if (positions.length > 0) this.#onTrimmed(positions)
  }

  run<Reply>(
    script: GroupScript<Reply>,
    args: readonly string[],
    moreKeys: readonly string[] = [],
  ): Promise<Reply> {
    const { stream, state, retry, heartbeats } = this.#keys
    const { stream: name, group, consumer, exclusive } = this.who
    const keys = [stream, state, retry, heartbeats, deadLetterKey(name), ...moreKeys]
    if (exclusive) keys.push(this.#lease)
    const header = [group, consumer, name, new Date().toISOString()]
    return script.run(this.who, this.#connection, keys, [...header, ...args])
  }
}

export function* pages<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}

const toClaim = ([position, starts, fields]: claims.TakenRow, origin: Claim['origin']): Claim => ({
  position,
  fields,
  attempt: starts + 1,
  origin,
})

/** Oldest first; a sorted set answers those that are due at one moment in alphabetical order. */
const toClaims = (rows: readonly claims.TakenRow[], origin: Claim['origin']): Claim[] =>
  rows.map((row) => toClaim(row, origin)).sort((a, b) => comparePositions(a.position, b.position))
