import { ask } from './database.ts'
import { eventually } from './insist.ts'
import { LANE_NAMES, LANES } from './load.ts'
import type { Topology } from './topologies/topology.ts'

/** The last retries of what is poisoned, and what a backlog on a busy machine takes. */
const PATIENCE_MS = 90_000

/** Waits until every group has handled all there is, and the outbox is empty; answers what is still to do. */
export async function untilQuiet(topology: Topology, databaseUrl: string): Promise<string[]> {
  let left: string[] = []
  await eventually(async () => {
    left = [...(await unhandled(topology)), ...(await unrelayed(databaseUrl))]
    return left.length === 0
  }, PATIENCE_MS)
  return left.map((what) => `not handled at the end: ${what}`)
}

async function unhandled(topology: Topology): Promise<string[]> {
  const left: string[] = []
  for (const lane of LANE_NAMES) {
    const { stream, groups } = LANES[lane]
    const rows = await topology.send<string[][]>(['XINFO', 'GROUPS', stream], stream)
    const [last] = await topology.send<[string][]>(['XREVRANGE', stream, '+', '-', 'COUNT', '1'], stream)
    for (const group of groups) {
      const info = rows.map(record).find((one) => one['name'] === group)
      if (!info) left.push(`the group ${group} is not there`)
      else if (Number(info['pending']) > 0) left.push(`${info['pending']} entries pending in ${group}`)
      else if (last && info['last-delivered-id'] !== last[0] && (await isUnread(topology, stream, info)))
        left.push(`${group} has not read ${stream} to its end`)
    }
  }
  return left
}

async function isUnread(topology: Topology, stream: string, info: Record<string, string>): Promise<boolean> {
  const after = `(${info['last-delivered-id']}`
  const next = await topology.send<unknown[]>(['XRANGE', stream, after, '+', 'COUNT', '1'], stream)
  return next.length > 0
}

async function unrelayed(databaseUrl: string): Promise<string[]> {
  const [row] = await ask<{ count: string }>(databaseUrl, 'SELECT count(*) FROM millrace_outbox')
  return row!.count === '0' ? [] : [`${row!.count} events in the outbox`]
}

const record = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(pairs.flatMap((name, i) => (i % 2 ? [] : [[name, String(pairs[i + 1])]])))
