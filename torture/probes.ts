import type { EvidenceWriter } from './evidence.ts'
import { LANE_NAMES, LANES } from './load.ts'
import type { Topology } from './topologies/topology.ts'

const PROBE_MS = 1_000
const FIGURES = ['used_memory', 'connected_clients', 'blocked_clients']

/** Writes down each second how Redis is, and what is pending in every group, until it is told to end. */
export function probeRedis(topology: Topology, evidence: EvidenceWriter): { end(): void } {
  let isAsking = false
  const probe = async (): Promise<void> => {
    if (isAsking) return // it is away, and what was asked is still waited for
    isAsking = true
    try {
      const info = (await topology.info()).map(figuresIn)
      const pending = (
        await Promise.all(LANE_NAMES.map((lane) => pendingOf(topology, LANES[lane].stream)))
      ).flat()
      evidence.write('redis', [[Date.now(), JSON.stringify(info), JSON.stringify(pending)]])
    } catch {
      // A fault took the answer, or the stream; the next probe comes soon.
    } finally {
      isAsking = false
    }
  }
  const timer = setInterval(() => void probe(), PROBE_MS)
  return { end: () => clearInterval(timer) }
}

const figuresIn = (info: string): Record<string, number> =>
  Object.fromEntries(
    FIGURES.map((name) => [name, Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1])]),
  )

/** Group and number of entries, in turn. */
async function pendingOf(topology: Topology, stream: string): Promise<unknown[]> {
  const groups = await topology.send<unknown[][]>(['XINFO', 'GROUPS', stream], stream)
  return groups.flatMap((pairs) => ['name', 'pending'].map((name) => pairs[pairs.indexOf(name) + 1]))
}
