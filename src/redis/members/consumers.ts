import type { ConsumerStatus } from '../../core/group-members.ts'
import type { Connection } from '../connection.ts'
import { groupKeys, inletKey, RETRY_CONSUMER } from '../keys.ts'
import { LIVE_MS } from '../operations/live.ts'
import { accept, refuse } from '../operations/refusal.ts'
import { clockScript } from './reading-scripts.ts'

interface Seen {
  pending: number
  idleMs: number
}

/**
 * Plain commands, several of them: in a script a list of 10000 consumers would take six times as long. So the parts may
 * be some ms apart.
 */
export async function readConsumers(
  connection: Connection,
  stream: string,
  group: string,
  minIdleMs: number,
): Promise<ConsumerStatus[]> {
  const { heartbeats } = groupKeys(stream, group)
  const [own, copies, beats, now] = await Promise.all([
    seenIn(connection, stream, group),
    seenIn(connection, inletKey(stream, group), group),
    connection.send<string[]>(['ZRANGE', heartbeats, '0', '-1', 'WITHSCORES']).catch(refuse(stream)),
    clockScript.run(connection, [stream], []),
  ])
  const seen = accept({ stream, group }, own)
  const beatOf = new Map<string, number>()
  for (let n = 0; n + 1 < beats.length; n += 2) beatOf.set(beats[n]!, Math.max(0, now - Number(beats[n + 1])))
  const found = typeof copies === 'string' ? new Map<string, Seen>() : copies
  const names = [...new Set([...seen.keys(), ...beatOf.keys(), ...found.keys()])].sort()
  return names.map((name) => toStatus(name, [seen.get(name), found.get(name)], beatOf.get(name), minIdleMs))
}

function toStatus(
  name: string,
  seen: readonly (Seen | undefined)[],
  heartbeatMs: number | undefined,
  minIdleMs: number,
): ConsumerStatus {
  const pending = seen.reduce((sum, one) => sum + (one?.pending ?? 0), 0)
  const idleMs = Math.min(...seen.map((one) => one?.idleMs ?? Infinity), heartbeatMs ?? Infinity)
  const lives = heartbeatMs === undefined ? idleMs < minIdleMs : heartbeatMs < LIVE_MS
  const state = name === RETRY_CONSUMER ? 'retry' : lives ? 'live' : 'dead'
  return { name, pending, idleMs, ...(heartbeatMs !== undefined && { heartbeatMs }), state }
}

/** Of XINFO CONSUMERS, by name. */
async function seenIn(
  connection: Connection,
  key: string,
  group: string,
): Promise<Map<string, Seen> | 'unknown-stream' | 'unknown-group'> {
  const call = connection.send<unknown[][]>(['XINFO', 'CONSUMERS', key, group])
  const rows = await call.catch((error: Error) => {
    if (/no such key/.test(error.message)) return 'unknown-stream' as const
    if (/NOGROUP/.test(error.message)) return 'unknown-group' as const
    return refuse(key)(error)
  })
  if (typeof rows === 'string') return rows
  return new Map(rows.map((row) => [String(of(row, 'name')), toSeen(row)]))
}

const of = (row: readonly unknown[], name: string): unknown => row[row.indexOf(name) + 1]
const toSeen = (row: readonly unknown[]): Seen => ({
  pending: Number(of(row, 'pending')),
  idleMs: Number(of(row, 'idle')),
})
