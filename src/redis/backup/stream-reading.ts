import { RECORD, type BackupRecord, type ReadFrom, type RecordKind } from '../../core/backup.ts'
import { FIRST_POSITION } from '../../core/position.ts'
import type { PatientConnection } from '../connections/patient.ts'
import { editsKey } from '../dead-letters/dead-letter-keys.ts'
import { replyCode } from '../errors.ts'
import { deadLetterKey, groupKeys, inletKey, STREAM_REGISTRY_KEY } from '../keys.ts'
import { actionsKey } from '../operations/action-record.ts'
import { expiredGroupsKey, retentionKey } from '../retention/retention.ts'
import { scheduleKeys } from '../schedule/schedule-keys.ts'
import { slotPrefix } from '../slots.ts'
import { record } from './backup-records.ts'
import { logScript } from './backup-scripts.ts'
import { readDeleted, readEntries, readMembers } from './log-reader.ts'
import { scanPages } from './scan-pages.ts'

type Pages = AsyncGenerator<BackupRecord[]>

/** How a log stood when its turn came. */
interface LogEnd {
  readonly last: string
  /** The positions of its groups by their names, each byte as a character. */
  readonly delivered: ReadonlyMap<string, string>
  /** The entry behind which to read. */
  readonly after: string
}

/**
 * Reads one stream and all beside it. What moves on from one key to another meanwhile must be found in one of them, so they
 * are read in the order in which it moves, the first one first: what waits for its time, the stream, its dead letters, the
 * inlets, and the dead letters once more, since they come from inlets as well. What is found twice may run twice.
 */
export class StreamReading {
  readonly #connection: PatientConnection
  readonly #stream: string
  readonly #states: ReadonlyMap<string, readonly string[]>
  /** Where logs ended that were read. */
  readonly #ended = new Map<string, string>()

  /** @param states the groups that have a state, as their names stand in keys, by the prefix of their stream */
  constructor(connection: PatientConnection, stream: string, states: ReadonlyMap<string, readonly string[]>) {
    this.#connection = connection
    this.#stream = stream
    this.#states = states
  }

  async *pages(from?: ReadFrom): Pages {
    if (!from) yield* this.#start()
    for (const [suffix, last] of from?.done ?? []) this.#ended.set(suffix, last)
    const letters = deadLetterKey(this.#stream)
    const lettersAgain = from !== undefined && from.done.has(from.log)
    const queue = [this.#stream]
    for (const key of queue) {
      const groups = await this.#groupsOf(key)
      if (!groups && key !== this.#stream) continue
      if (!lettersAgain && !from?.done.has(this.#suffix(key))) yield* this.#logAndMore(key, groups, from)
      queue.push(deadLetterKey(key), actionsKey(key))
      for (const group of this.#allGroups(key, groups)) queue.push(inletKey(key, group))
    }
    yield* this.#laterLetters(letters, lettersAgain ? from.after : undefined)
  }

  async *#start(): Pages {
    yield [record(RECORD.stream, this.#stream, await this.#isRegistered())]
    const { due, entries } = scheduleKeys(this.#stream)
    // A time without its entry would be moved as nothing; an entry without its time waits for ever, and does no harm.
    yield* this.#scan(RECORD.sorted, due)
    yield* this.#scan(RECORD.hash, entries)
  }

  /** Whoever may not ask has no list of streams to be on. */
  #isRegistered(): Promise<number> {
    return this.#ask<number>(['SISMEMBER', STREAM_REGISTRY_KEY, this.#stream]).catch((error: unknown) => {
      if (replyCode(error) === '') throw error
      return 0
    })
  }

  /**
   * Where a group is recorded to have acknowledged everything must not lie behind what is pending in the backup, so states
   * are read before the log.
   */
  async *#logAndMore(key: string, groups: readonly string[] | undefined, from?: ReadFrom): Pages {
    const resumed = from?.log === this.#suffix(key) ? from : undefined
    const all = this.#allGroups(key, groups)
    if (!resumed) for (const group of all) yield* this.#scan(RECORD.hash, groupKeys(key, group).state)
    const end = resumed ? endOf(resumed) : yield* this.#beginLog(key)
    if (end) yield* this.#readLog(key, end)
    for (const group of all) yield* this.#scan(RECORD.sorted, groupKeys(key, group).retry)
    yield* this.#scan(RECORD.hash, editsKey(key))
    yield* this.#scan(RECORD.hash, retentionKey(key))
    yield* this.#list(expiredGroupsKey(key))
  }

  /** Fixes where the log ends, and where each group stands then. */
  async *#beginLog(key: string): AsyncGenerator<BackupRecord[], LogEnd | undefined> {
    const found = await this.#askLog(key)
    if (!found) return undefined
    const [last, added, groups, due] = found
    const delivered = new Map(
      groups.map(([name, position]) => [name.toString('latin1'), position.toString()]),
    )
    yield [
      record(RECORD.log, this.#suffix(key), last, added),
      ...(key === this.#stream ? [record(RECORD.due, ...due)] : []),
      ...groups.map(([name, position, read]) => record(RECORD.group, name, position, read < 0 ? '' : read)),
    ]
    return { last: last.toString(), delivered, after: FIRST_POSITION }
  }

  async *#readLog(key: string, { last, delivered, after }: LogEnd): Pages {
    yield* readEntries(this.#connection, { key, last, after })
    yield [await readDeleted(this.#connection, { key, last, after })]
    this.#ended.set(this.#suffix(key), last)
    for (const [name, position] of delivered) {
      // A group that is destroyed meanwhile takes with it what is pending, and is restored without.
      try {
        yield* readMembers(this.#connection, key, Buffer.from(name, 'latin1'), position)
      } catch (error) {
        if (replyCode(error) !== 'NOGROUP' && !/no such key/.test((error as Error).message)) throw error
      }
    }
  }

  /** The letters that came since they were read, as the log goes on; their groups stand where they stood. */
  async *#laterLetters(key: string, resumeAfter: string | undefined): Pages {
    const suffix = this.#suffix(key)
    const found = await this.#askLog(key)
    if (!found) return
    const [last, added, groups] = found
    const after = resumeAfter ?? this.#ended.get(suffix)
    if (after === last.toString()) return
    if (resumeAfter === undefined) {
      const first =
        after === undefined ? groups.map(([name]) => record(RECORD.group, name, FIRST_POSITION, '')) : []
      yield [record(RECORD.log, suffix, last, added), ...first]
    }
    const end = {
      last: last.toString(),
      delivered: new Map<string, string>(),
      after: after ?? FIRST_POSITION,
    }
    yield* this.#readLog(key, end)
  }

  async *#scan(kind: RecordKind, key: string): Pages {
    const command = kind === RECORD.hash ? 'HSCAN' : 'ZSCAN'
    for await (const page of scanPages(this.#connection, command, key))
      yield [{ kind, parts: [Buffer.from(this.#suffix(key)), ...page] }]
  }

  async *#list(key: string): Pages {
    const items = await this.#ask<Buffer[]>(['LRANGE', key, '0', '-1'], 'bytes')
    if (items.length > 0) yield [record(RECORD.list, this.#suffix(key), ...items)]
  }

  async #groupsOf(key: string): Promise<string[] | undefined> {
    return (await this.#askLog(key))?.[2].map(([name]) => name.toString())
  }

  /** Also those that are gone and may come again. */
  #allGroups(key: string, groups: readonly string[] = []): string[] {
    const gone = this.#states.get(slotPrefix(key)) ?? []
    return [...new Set([...groups, ...gone.flatMap(decoded)])]
  }

  #askLog(key: string) {
    const keys = [key, scheduleKeys(key).due]
    return this.#connection.insist(key, () => logScript.runForBytes(this.#connection, keys, []))
  }

  #ask<T>(args: readonly string[], replyAs?: 'bytes'): Promise<T> {
    return this.#connection.insist(args[1]!, () => this.#connection.send<T>(args, undefined, replyAs))
  }

  /** What follows the prefix that puts a key beside the stream. */
  #suffix(key: string): string {
    return key === this.#stream ? '' : key.slice(slotPrefix(this.#stream).length)
  }
}

/** None where somebody else has written the key. */
function decoded(encoded: string): string[] {
  try {
    return [decodeURIComponent(encoded)]
  } catch {
    return []
  }
}

const endOf = ({ lastPosition, delivered, after }: ReadFrom): LogEnd => ({
  last: lastPosition,
  delivered,
  after,
})
