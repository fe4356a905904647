import {
  RECORD,
  restoreConflict,
  type BackupRecord,
  type Restored,
  type StagedStream,
  type TargetKeys,
} from '../../core/backup.ts'
import type { MillraceError } from '../../core/errors.ts'
import { comparePositions } from '../../core/position.ts'
import type { Argument, Connection } from '../connection.ts'
import { replyCode } from '../errors.ts'
import { groupKeys, STREAM_REGISTRY_KEY } from '../keys.ts'
import { SCHEDULED_STREAMS_KEY } from '../schedule/schedule-keys.ts'
import { announceScript } from '../schedule/schedule-scripts.ts'
import { slotPrefix } from '../slots.ts'
import { EntryBatch, isWide } from './entry-batch.ts'
import { OrderedCalls, OutOfOrder, type Call } from './ordered-calls.ts'
import * as scripts from './restore-scripts.ts'
import { finalKey, keysInTheWay, stagedKey, withHeartbeats } from './staged-keys.ts'

const MAX_UNDER_WAY = 16
const MAX_PENDING = 100
/** Of a hash or a sorted set in one call. */
const MAX_PARTS = 1_000
const RENEW_MS = scripts.STAGED_MS / 10

/** The log that records belong to. */
interface Log {
  readonly suffix: string
  readonly key: string
  readonly last: string
  readonly added: string
  /** The entry up to which it was built before. */
  built: string
  batch: EntryBatch
}

/** Builds a stream under keys that belong to one run, in the slot of the stream. */
export class RedisStagedStream implements StagedStream {
  readonly #connection: Connection
  readonly #calls: OrderedCalls
  readonly #target: TargetKeys
  readonly #run: string
  readonly #progress: string
  /** Suffixes of the keys that were built. */
  readonly #built = new Set<string>()
  #appeared: boolean
  #registered = false
  #log: Log | undefined
  #pending: { group: Buffer; args: Argument[] } | undefined
  readonly #counts: { entries: number; pending: number; gone: number }
  #renewAt = performance.now() + RENEW_MS

  private constructor(connection: Connection, target: TargetKeys, run: string, appeared: string | null) {
    this.#connection = connection
    this.#calls = new OrderedCalls(connection, MAX_UNDER_WAY)
    this.#target = target
    this.#run = run
    this.#progress = stagedKey(target.stream, run)
    this.#appeared = appeared !== null
    this.#counts = { entries: 0, pending: 0, gone: Number(appeared ?? 0) }
  }

  static async begin(connection: Connection, target: TargetKeys, run: string): Promise<RedisStagedStream> {
    const progress = stagedKey(target.stream, run)
    const appeared = await connection.send<string | null>(['HGET', progress, 'appeared'])
    return new RedisStagedStream(connection, target, run, appeared)
  }

  async take(records: readonly BackupRecord[]): Promise<void> {
    for (const record of records) {
      if (record.kind === RECORD.entry) this.#counts.entries++
      else if (record.kind === RECORD.pending) this.#counts.pending++
      if (this.#appeared) continue
      const going = this.#step(record)
      if (going) await going
    }
    if (!this.#appeared) await this.#renew()
  }

  async appear(): Promise<Restored> {
    if (!this.#appeared) {
      await this.#flush()
      await this.#calls.drain()
      await this.#show()
      this.#appeared = true
    }
    const { stream } = this.#target
    if (this.#registered) await this.#connection.send(['SADD', STREAM_REGISTRY_KEY, stream])
    const { entries, pending, gone } = this.#counts
    return { entries, pending: pending - gone, gone }
  }

  async settle(): Promise<void> {
    await this.#connection.send(['UNLINK', this.#progress])
  }

  async discard(): Promise<void> {
    await this.#calls.drain().catch(() => {})
    if (this.#appeared) return
    const suffixes = new Set([...withHeartbeats(this.#target.suffixes), ...this.#built])
    for (const suffix of suffixes) await this.#connection.send(['UNLINK', this.#staged(suffix)])
    await this.#connection.send(['UNLINK', this.#progress])
  }

  /** Nothing to wait for where an entry was put into a batch, which is what nearly all records are. */
  #step(record: BackupRecord): Promise<void> | undefined {
    const { kind, parts } = record
    if (kind === RECORD.entry) return this.#entry(parts)
    if (kind === RECORD.pending) return this.#pend(parts)
    return this.#flush().then(() => this.#other(record))
  }

  async #other({ kind, parts }: BackupRecord): Promise<void> {
    switch (kind) {
      case RECORD.stream:
        this.#registered = String(parts[1]) === '1'
        return
      case RECORD.log:
        return this.#beginLog(parts)
      case RECORD.group:
        return this.#group(parts)
      case RECORD.deleted:
        return this.#endEntries(parts)
      case RECORD.consumer:
        return this.#consumer(parts)
      case RECORD.hash:
        return this.#write('hash', parts)
      case RECORD.sorted:
        return this.#write('sorted', parts)
      case RECORD.list:
        return this.#write('list', parts)
      case RECORD.due:
        return this.#moved(parts)
    }
  }

  async #beginLog([suffix, last, added]: readonly Buffer[]): Promise<void> {
    await this.#calls.drain()
    const name = suffix!.toString()
    const key = this.#key(name)
    const at = await scripts.beginScript.run(this.#connection, [key, this.#progress], [name])
    const [end, count] = [last!.toString('latin1'), added!.toString('latin1')]
    this.#log = { suffix: name, key, last: end, added: count, built: at, batch: new EntryBatch(at) }
  }

  #entry(parts: readonly Buffer[]): Promise<void> | undefined {
    const log = this.#log!
    if (comparePositions(parts[0]!.toString('latin1'), log.built) <= 0) return undefined
    if (isWide(parts)) return this.#wideEntry(parts)
    log.batch.add(parts)
    return log.batch.isFull ? this.#addBatch() : undefined
  }

  /** One with more fields than a script can pass on. */
  async #wideEntry(parts: readonly Buffer[]): Promise<void> {
    const log = this.#log!
    const position = parts[0]!.toString('latin1')
    await this.#addBatch()
    await this.#call(() =>
      this.#connection.send(['XADD', log.key, position, ...parts.slice(1)]).catch((error: Error) => {
        // It was there already: the reply was lost, or a run died behind it.
        if (!/equal or smaller/.test(error.message)) throw error
      }),
    )
    await this.#calls.drain()
    log.batch.last = position
    await this.#addBatch(true)
  }

  async #addBatch(evenEmpty = false): Promise<void> {
    const log = this.#log
    if (!log || (log.batch.isEmpty && !evenEmpty)) return
    const { after, last, args } = log.batch
    log.batch = new EntryBatch(last)
    await this.#call(async () => {
      const keys = [log.key, this.#progress]
      const answer = await scripts.addScript.run(this.#connection, keys, [log.suffix, after, last, ...args])
      if (answer === 'gap') throw lost()
    })
  }

  async #group([name, delivered, read]: readonly Buffer[]): Promise<void> {
    const { key } = this.#log!
    const args = ['XGROUP', 'CREATE', key, name!, delivered!.toString('latin1')]
    if (read!.length > 0) args.push('ENTRIESREAD', read!.toString('latin1'))
    await this.#call(() =>
      this.#connection.send(args).catch((error: unknown) => {
        if (replyCode(error) !== 'BUSYGROUP') throw error
      }),
    )
  }

  /** What may come late, after a lost connection, would come behind this, and fail. */
  async #endEntries([deleted]: readonly Buffer[]): Promise<void> {
    await this.#calls.drain()
    const { key, last, added } = this.#log!
    const args = ['XSETID', key, last, 'ENTRIESADDED', added, 'MAXDELETEDID', deleted!.toString('latin1')]
    await this.#call(() => this.#connection.send(args))
  }

  async #consumer([group, name, ours]: readonly Buffer[]): Promise<void> {
    const { key, suffix } = this.#log!
    await this.#call(() => this.#connection.send(['XGROUP', 'CREATECONSUMER', key, group!, name!]))
    if (String(ours) !== '1') return
    const { stream } = this.#target
    const { heartbeats } = groupKeys(finalKey(stream, suffix), group!.toString())
    // It was last heard of long ago, so whoever comes first takes over what it held.
    const place = this.#key(heartbeats.slice(slotPrefix(stream).length))
    await this.#call(() => scripts.writeScript.run(this.#connection, [place], ['sorted', '0', name!]))
  }

  #pend([group, position, consumer, deliveries, idle]: readonly Buffer[]): Promise<void> | undefined {
    if (this.#pending && !this.#pending.group.equals(group!))
      return this.#flush().then(() => this.#pend([group!, position!, consumer!, deliveries!, idle!]))
    this.#pending ??= { group: group!, args: [] }
    const { args } = this.#pending
    args.push(
      position!.toString('latin1'),
      consumer!,
      deliveries!.toString('latin1'),
      idle!.toString('latin1'),
    )
    return args.length >= 4 * MAX_PENDING ? this.#flush() : undefined
  }

  /** Sends what was gathered. */
  async #flush(): Promise<void> {
    await this.#addBatch()
    const rows = this.#pending
    if (!rows) return
    this.#pending = undefined
    const { key } = this.#log!
    let counted = 0
    await this.#call(async () => {
      const gone = await scripts.pendScript.run(this.#connection, [key], [rows.group, ...rows.args])
      this.#counts.gone += gone - counted
      counted = gone
    })
  }

  async #write(what: 'hash' | 'sorted' | 'list', [suffix, ...parts]: readonly Buffer[]): Promise<void> {
    const key = this.#key(suffix!.toString())
    for (let from = 0; from < parts.length; from += MAX_PARTS) {
      const page = parts.slice(from, from + MAX_PARTS)
      if (what === 'sorted') swapPairs(page)
      await this.#call(() => scripts.writeScript.run(this.#connection, [key], [what, ...page]))
    }
  }

  async #moved([time, id]: readonly Buffer[]): Promise<void> {
    const keys = [this.#staged('schedule'), this.#staged('schedule:entries')]
    await this.#calls.drain()
    while ((await scripts.movedScript.run(this.#connection, keys, [time!, id!])) === 1);
  }

  async #show(): Promise<void> {
    const { stream, suffixes } = this.#target
    if (this.#built.has('schedule'))
      await announceScript.run(this.#connection, [SCHEDULED_STREAMS_KEY], [stream])
    const pairs = [...this.#built].flatMap((suffix) => [this.#staged(suffix), finalKey(stream, suffix)])
    const keys = [this.#progress, ...pairs, ...keysInTheWay(stream, suffixes)]
    const args = [String(pairs.length / 2), String(this.#counts.gone)]
    const found = await this.#insist(() => scripts.appearScript.run(this.#connection, keys, args))
    if (found.length > 0) throw restoreConflict(found)
  }

  async #insist<T>(call: () => Promise<T>): Promise<T> {
    let answer: T | undefined
    await this.#calls.add(async () => (answer = await call()))
    await this.#calls.drain()
    return answer as T
  }

  async #renew(): Promise<void> {
    if (performance.now() < this.#renewAt) return
    this.#renewAt = performance.now() + RENEW_MS
    const keys = [this.#progress, ...[...this.#built].map((suffix) => this.#staged(suffix))]
    await this.#call(() => scripts.keepScript.run(this.#connection, keys, []))
  }

  #call(call: Call): Promise<void> {
    return this.#calls.add(call)
  }

  #key(suffix: string): string {
    this.#built.add(suffix)
    return this.#staged(suffix)
  }

  #staged(suffix: string): string {
    return stagedKey(this.#target.stream, this.#run, suffix)
  }
}

/** What a backup has as member and score is wanted the other way round. */
function swapPairs(parts: Buffer[]): void {
  for (let at = 0; at + 1 < parts.length; at += 2) [parts[at], parts[at + 1]] = [parts[at + 1]!, parts[at]!]
}

const lost = (): MillraceError =>
  new OutOfOrder(
    'JOB_CONFLICT',
    'what was restored so far was deleted or has expired; resume the job to begin anew',
  )
