import { resolveRetention, type RetentionDeclaration } from '../../core/retention-policy.ts'
import type { Retention, TrimStep } from '../../core/retention.ts'
import { comparePositions } from '../../core/position.ts'
import type { Connection } from '../connection.ts'

/* What tests of retention share. */

/** A target whose groups may be abandoned after less than a minute. */
export function targetOf(declaration: RetentionDeclaration) {
  const { abandonedAfterMs, ...policy } = declaration.policy
  if (abandonedAfterMs === undefined) return resolveRetention(declaration)
  const target = resolveRetention({ ...declaration, policy: { ...policy, abandonedAfterMs: 60_000 } })
  return { ...target, policy: { ...target.policy, abandonedAfterMs } }
}

/** Steps until there is nothing more to do. */
export async function trimAll(
  retention: Retention,
  declaration: RetentionDeclaration,
): Promise<{ trimmed: number; capped: number; steps: number }> {
  const total = { trimmed: 0, capped: 0, steps: 0 }
  const target = targetOf(declaration)
  for (let step: TrimStep = { trimmed: 0, capped: 0, more: true }; step.more; total.steps++) {
    step = await retention.trim(target)
    total.trimmed += step.trimmed
    total.capped += step.capped
  }
  return total
}

/** Entries with the ids `1-0` to `<count>-0` after those that are there, in few calls. */
export async function fill(connection: Connection, stream: string, count: number, from = 1): Promise<void> {
  const script = `for id = ARGV[1], ARGV[2] do redis.call('XADD', KEYS[1], id .. '-0', 'number', id) end`
  for (let first = from; first < from + count; first += 5_000) {
    const last = Math.min(first + 4_999, from + count - 1)
    await connection.send(['EVAL', script, '1', stream, String(first), String(last)])
  }
}

export async function idsOf(connection: Connection, stream: string): Promise<string[]> {
  const rows = await connection.send<[string, string[]][]>(['XRANGE', stream, '-', '+'])
  return rows.map(([id]) => id)
}

/** Delivers up to `count` entries to a consumer, and answers their ids. */
export async function deliver(
  connection: Connection,
  stream: string,
  group: string,
  count: number,
  consumer = 'consumer',
): Promise<string[]> {
  const command = ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(count), 'STREAMS', stream, '>']
  const reply = await connection.send<[string, [string, string[]][]][] | null>(command)
  return reply?.[0]?.[1].map(([id]) => id) ?? []
}

export interface GroupFacts {
  name: string
  lastDelivered: string
  pending: Set<string>
}

/** What the server says of the groups of a stream, asked with nothing but plain commands. */
export async function groupFacts(connection: Connection, stream: string): Promise<GroupFacts[]> {
  if ((await connection.send(['EXISTS', stream])) === 0) return []
  const rows = await connection.send<unknown[][]>(['XINFO', 'GROUPS', stream])
  return Promise.all(
    rows.map(async (row) => {
      const name = String(row[row.indexOf('name') + 1])
      const pending = await connection.send<[string][]>(['XPENDING', stream, name, '-', '+', '100000'])
      const lastDelivered = String(row[row.indexOf('last-delivered-id') + 1])
      return { name, lastDelivered, pending: new Set(pending.map(([id]) => id)) }
    }),
  )
}

/** Whether the group still has to be given the entry, or has it and did not acknowledge it. */
export const needs = (group: GroupFacts, id: string): boolean =>
  group.pending.has(id) || comparePositions(id, group.lastDelivered) > 0
