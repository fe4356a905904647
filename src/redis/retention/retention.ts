import { comparePositions, FIRST_POSITION, positionTime } from '../../core/position.ts'
import type { RangeCount } from '../../core/replay.ts'
import type {
  AbandonedGroup,
  ExpiredGroup,
  Retention,
  RetentionState,
  TrimCount,
  TrimmedUnread,
  TrimStep,
} from '../../core/retention.ts'
import type { RetentionTarget } from '../../core/retention-policy.ts'
import type { Connection } from '../connection.ts'
import { holdsKey } from './holds.ts'
import { companionsOf, groupKeys } from '../keys.ts'
import { countRange } from '../replay/replay-count.ts'
import {
  abandonScript,
  accountScript,
  aroundScript,
  capScript,
  limitsScript,
  trimScript,
  type TrimReply,
} from './retention-scripts.ts'
import type { Script } from '../script.ts'
import { slotPrefix } from '../slots.ts'

/**
 * Hash, what retention remembers: `around`, the highest position deleted around pending entries; `unread <kind> <name>`
 * and `pending <kind> <name>`, what the hard cap dropped; `blocks <kind> <name>`, since when; and
 * `alive <group>`, its last sign of life, when it was last looked for, and how the group stood then.
 */
export const retentionKey = (stream: string): string => `${slotPrefix(stream)}retention`

/** List: the groups that were destroyed as abandoned, newest first, as JSON. */
export const expiredGroupsKey = (stream: string): string => `${retentionKey(stream)}:expired`

export interface RedisRetentionOptions {
  /** How far a pending entry must be behind what all groups were delivered for others to be deleted around it, in ms (60000). */
  aroundAfterMs?: number
}

/** What is pending is looked through once in so many ms; more often while a hard cap would drop unread entries else. */
const SWEEP_EVERY_MS = 60_000
const URGENT_SWEEP_EVERY_MS = 1_000
/** How long the oldest entry may be in work before whoever works on it counts as blocking. */
const BLOCKING_AFTER_MS = 60_000

const NOTHING: RangeCount = { entries: 0, complete: true }

/** Where the look through what is around pending entries stands. */
interface Sweep {
  cursor: string | undefined
  finishedAt: number
}

/**
 * Retention on streams of Redis. Instances in several processes may work on the same streams.
 *
 * @example
 * const retention = new RedisRetention(connection)
 * const target = resolveRetention({ stream: 'user:events', policy: { processed: true } })
 * while ((await retention.trim(target)).more);
 */
export class RedisRetention implements Retention {
  readonly #connection: Connection
  readonly #aroundAfterMs: number
  readonly #sweeps = new Map<string, Sweep>()

  constructor(connection: Connection, options: RedisRetentionOptions = {}) {
    this.#connection = connection
    this.#aroundAfterMs = options.aroundAfterMs ?? 60_000
  }

  async trim(target: RetentionTarget): Promise<TrimStep> {
    const safe = await this.#run(trimScript, target)
    if (!safe) return { trimmed: 0, capped: 0, more: false }
    const [trimmed, more] = safe
    if (more) return { trimmed, capped: 0, more: true }
    const around = await this.#trimAround(target, safe)
    const cap = around.more ? undefined : await this.#cap(target, safe[2])
    return {
      trimmed: trimmed + around.trimmed,
      capped: cap?.[0] ?? 0,
      more: around.more || cap?.[1] === 1,
    }
  }

  /** One page around pending entries that are far behind. Before the hard cap drops anything, this is done in any case. */
  async #trimAround(target: RetentionTarget, safe: TrimReply): Promise<{ trimmed: number; more: boolean }> {
    const [, , length, wanted, floor, delivered] = safe
    const { stream, policy } = target
    if (!wanted) {
      this.#sweeps.delete(stream)
      return { trimmed: 0, more: false }
    }
    const urgent = policy.hardMaxLength !== undefined && length > policy.hardMaxLength
    const sweep = this.#sweeps.get(stream) ?? { cursor: undefined, finishedAt: 0 }
    if (sweep.cursor === undefined) {
      const everyMs = urgent ? URGENT_SWEEP_EVERY_MS : SWEEP_EVERY_MS
      const far = urgent || positionTime(delivered) - positionTime(floor) >= this.#aroundAfterMs
      if (!far || Date.now() - sweep.finishedAt < everyMs) return { trimmed: 0, more: false }
    }
    const reply = await this.#run(aroundScript, target, [sweep.cursor ?? floor])
    const [trimmed, next] = reply ?? [0, '']
    this.#sweeps.set(
      stream,
      next === ''
        ? { cursor: undefined, finishedAt: Date.now() }
        : { cursor: next, finishedAt: sweep.finishedAt },
    )
    return { trimmed, more: next !== '' }
  }

  async #cap(target: RetentionTarget, length: number): Promise<[capped: number, more: 0 | 1] | null> {
    const { hardMaxLength } = target.policy
    if (hardMaxLength === undefined || length <= hardMaxLength) return null
    return this.#run(capScript, target, [String(hardMaxLength)])
  }

  async count(target: RetentionTarget): Promise<TrimCount> {
    const limits = await this.#run(limitsScript, target)
    if (!limits) return { trimmed: 0, capped: 0, complete: true }
    const [length, floor, old] = limits
    const { maxLength, hardMaxLength = Infinity } = target.policy
    const excess = Math.max(0, length - (maxLength ?? hardMaxLength))
    const below = (position: string) => this.#countBelow(target.stream, position)
    const aged = old === '' ? NOTHING : await below(comparePositions(old, floor) < 0 ? old : floor)
    const free = excess > aged.entries ? await below(floor) : NOTHING
    const trimmed = Math.max(aged.entries, Math.min(excess, free.entries))
    return {
      trimmed,
      capped: Math.max(0, length - trimmed - hardMaxLength),
      complete: aged.complete && free.complete,
    }
  }

  #countBelow(stream: string, position: string): Promise<RangeCount> {
    return position === FIRST_POSITION
      ? Promise.resolve(NOTHING)
      : countRange(this.#connection, stream, '-', `(${position}`)
  }

  async inspect(target: RetentionTarget): Promise<RetentionState> {
    const account = await this.#run(accountScript, target, [String(BLOCKING_AFTER_MS)])
    if (!account) return { length: 0, blockers: [], trimmedUnread: [], abandoned: [] }
    const [length, first, groups, blockers, dropped] = account
    const abandoned: AbandonedGroup[] = []
    for (const group of groups) {
      const found = await this.#lookAt(target, group)
      if (found) abandoned.push(found)
    }
    return {
      length,
      ...(first !== '' && { first }),
      blockers: blockers.map(([kind, name, position, since]) => ({
        kind,
        name,
        position,
        since: Number(since),
      })),
      trimmedUnread: toTrimmedUnread(dropped),
      abandoned,
    }
  }

  async #lookAt(
    { stream, policy, groups }: RetentionTarget,
    group: string,
  ): Promise<AbandonedGroup | undefined> {
    if (policy.abandonedAfterMs === undefined) return undefined
    const declared = groups.some(({ name }) => name === group)
    const expire = policy.abandonedAction === 'expire' && !declared
    const { heartbeats } = groupKeys(stream, group)
    const keys = [stream, retentionKey(stream), expiredGroupsKey(stream), heartbeats]
    const reply = await abandonScript.run(
      this.#connection,
      [...keys, ...companionsOf(stream, group)],
      [group, String(policy.abandonedAfterMs), expire ? '1' : '0'],
    )
    return reply ? { group, silentMs: reply[0], pending: reply[1], expired: reply[2] === 1 } : undefined
  }

  /** The groups of a stream that were destroyed as abandoned, newest first, the last 100 of them. */
  async expiredGroups(stream: string): Promise<ExpiredGroup[]> {
    const rows = await this.#connection.send<string[]>(['LRANGE', expiredGroupsKey(stream), '0', '-1'])
    return rows.map((row) => JSON.parse(row) as ExpiredGroup)
  }

  #run<Reply>(script: Script<Reply>, target: RetentionTarget, own: readonly string[] = []): Promise<Reply> {
    const { stream, policy, groups, before } = target
    const states = groups.map(({ name }) => groupKeys(stream, name).state)
    const limits = [policy.maxLength ?? policy.hardMaxLength, before ?? policy.maxAgeMs, policy.keepMs]
    const args = limits.map((limit) => (limit === undefined ? '' : String(limit)))
    return script.run(
      this.#connection,
      [stream, holdsKey(stream), retentionKey(stream), ...states],
      [...args, own[0] ?? '', ...groups.flatMap(({ name, start }) => [name, start])],
    )
  }
}

/** From fields such as `unread group mailer` and their values, in turn. */
function toTrimmedUnread(flat: readonly string[]): TrimmedUnread[] {
  const rows = new Map<string, { kind: 'group' | 'hold'; name: string; unread: number; pending: number }>()
  for (let i = 0; i < flat.length; i += 2) {
    const [, what, kind, name] = /^(unread|pending) (group|hold) (.*)$/s.exec(flat[i]!)!
    const row = rows.get(`${kind} ${name}`) ?? { kind: kind as 'group', name: name!, unread: 0, pending: 0 }
    row[what as 'unread' | 'pending'] = Number(flat[i + 1])
    rows.set(`${kind} ${name}`, row)
  }
  return [...rows.values()]
}
