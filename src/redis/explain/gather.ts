import type { Connection } from '../connection.ts'
import { replyCode } from '../errors.ts'
import { RETRY_CONSUMER } from '../keys.ts'
import { retentionKey } from '../retention/retention.ts'
import type { ConsumerEvidence, GroupEvidence, PendingEvidence } from './evidence.ts'
import {
  behindScript,
  groupScript,
  groupScriptKeys,
  streamScript,
  type GroupReply,
} from './evidence-scripts.ts'
import { hasHoles, toStand, unreadGone, type GroupStand, type StreamStand } from './stand.ts'
import { positionTime } from '../../core/position.ts'
import { LIVE_HEARTBEAT_MS } from './thresholds.ts'

/** Of groups with more consumers, those that hold the oldest entries are looked at: the server answers all or none. */
const MAX_CONSUMERS = 5_000

type ConsumerRow = Pick<ConsumerEvidence, 'name' | 'pending' | 'idleMs'>

/** Gathers what is known of streams and groups, and writes nothing. */
export class Gatherer {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** One call. Undefined where the name holds no stream. */
  async stand(stream: string): Promise<StreamStand | undefined> {
    const reply = await streamScript.run(this.#connection, [stream, retentionKey(stream)], [])
    return reply ? toStand(stream, reply) : undefined
  }

  /** At most three calls a group. Undefined where it is gone by now. */
  async evidence(
    stand: StreamStand,
    group: GroupStand,
    minIdleMs: number,
  ): Promise<GroupEvidence | undefined> {
    try {
      const [reply, rows, behind] = await Promise.all([
        this.#look(stand, group),
        this.#consumers(stand.stream, group),
        this.behind(stand.stream, group),
      ])
      return toEvidence(stand, group, { reply, rows, behind, minIdleMs })
    } catch (error) {
      if (isGone(error)) return undefined
      throw error
    }
  }

  /** Counts where that is needed. */
  async behind(stream: string, { group, behind }: GroupStand): Promise<number | 'unknown'> {
    if (behind !== undefined) return behind
    const counted = await behindScript.run(this.#connection, [stream, retentionKey(stream)], [group])
    return counted < 0 ? 'unknown' : counted
  }

  #look({ stream, maxDeleted }: StreamStand, { group, lastDelivered }: GroupStand): Promise<GroupReply> {
    const keys = groupScriptKeys(stream, group)
    return groupScript.run(this.#connection, keys, [group, lastDelivered, maxDeleted])
  }

  /** Undefined where there are too many. */
  async #consumers(stream: string, { group, consumers }: GroupStand): Promise<ConsumerRow[] | undefined> {
    if (consumers === 0) return []
    if (consumers > MAX_CONSUMERS) return undefined
    const rows = await this.#connection.send<unknown[][]>(['XINFO', 'CONSUMERS', stream, group])
    return rows.map((row) => {
      const field = (name: string) => row[row.indexOf(name) + 1]
      return { name: String(field('name')), pending: Number(field('pending')), idleMs: Number(field('idle')) }
    })
  }
}

const isGone = (error: unknown): boolean =>
  replyCode(error) === 'NOGROUP' || /no such key/.test((error as Error).message)

interface Looked {
  reply: GroupReply
  rows: readonly ConsumerRow[] | undefined
  behind: number | 'unknown'
  minIdleMs: number
}

function toEvidence(stand: StreamStand, group: GroupStand, looked: Looked): GroupEvidence {
  const { reply, behind, minIdleMs } = looked
  const [now, millrace, pausedSince, inlet, waiting, unread, oldest, , , started] = reply
  const [lookedAt, pendingGone, firstGone, suspects, [worst]] = oldest
  const { stream, length, first, last } = stand
  const { lastDelivered, entriesRead, pending, consumers, recordedGone } = group
  return {
    stream,
    group: group.group,
    millrace: millrace === 1,
    length,
    ...(first !== undefined && { first }),
    last,
    lastDelivered,
    ...(entriesRead !== undefined && { entriesRead }),
    ...(started !== '' && { started }),
    holes: hasHoles(stand),
    behind,
    ...(behind !== 0 && unread !== '' && { unreadAgeMs: ageOf(unread, now) }),
    pending,
    waiting,
    inlet,
    ...(pausedSince >= 0 && { pausedMs: Math.max(0, now - pausedSince) }),
    consumerCount: looked.rows?.filter(({ name }) => name !== RETRY_CONSUMER).length ?? consumers,
    allConsumers: looked.rows !== undefined,
    consumers: toConsumers(looked),
    lookedAt,
    pendingGone,
    ...(firstGone !== '' && { firstGone }),
    unreadGone: unreadGone(stand, group),
    recordedGone,
    suspects,
    ...(worst && { worst: { consumer: worst[0], ...toPending(worst, now) } }),
    minIdleMs,
  }
}

/** Those that the server knows, and members that have a heartbeat and were never delivered anything. */
function toConsumers({ reply, rows, minIdleMs }: Looked): ConsumerEvidence[] {
  const [now, , , , , , , held, beats] = reply
  const oldest = new Map(held.map((row) => [row[0], toPending(row, now)]))
  const heartbeats = new Map<string, number>()
  for (let n = 0; n + 1 < beats.length; n += 2)
    heartbeats.set(beats[n]!, Math.max(0, now - Number(beats[n + 1])))
  const known = new Map((rows ?? held.map(rowOf)).map((row) => [row.name, row]))
  for (const [name, idleMs] of heartbeats) if (!known.has(name)) known.set(name, { name, pending: 0, idleMs })
  known.delete(RETRY_CONSUMER)
  return [...known.values()].map((row) => {
    const [heartbeatMs, own] = [heartbeats.get(row.name), oldest.get(row.name)]
    const live = heartbeatMs === undefined ? row.idleMs <= minIdleMs : heartbeatMs < LIVE_HEARTBEAT_MS
    return { ...row, live, ...(heartbeatMs !== undefined && { heartbeatMs }), ...(own && { oldest: own }) }
  })
}

const rowOf = ([name, , idleMs]: readonly [string, string, number, number]): ConsumerRow => ({
  name,
  pending: 1,
  idleMs,
})

const toPending = (
  [, position, idleMs, deliveries]: readonly [string, string, number, number],
  now: number,
): PendingEvidence => ({ position, ageMs: ageOf(position, now), idleMs, deliveries })

const ageOf = (position: string, now: number): number => Math.max(0, now - positionTime(position))
