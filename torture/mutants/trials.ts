import type { TopologyName } from '../topologies/names.ts'

/** A run of the torture that provokes one kind of fault. */
export interface Trial {
  readonly topology: TopologyName
  readonly faults: readonly string[]
  readonly seconds: number
  /** Events a second. */
  readonly rate: number
}

/** What two cores keep up with beside the servers. */
const RATE = 250
const single = (seconds: number, ...faults: string[]): Trial => ({
  topology: 'single',
  faults,
  seconds,
  rate: RATE,
})
const sentinel = (seconds: number, ...faults: string[]): Trial => ({
  ...single(seconds, ...faults),
  topology: 'sentinel',
})

const cluster = (seconds: number, ...faults: string[]): Trial => ({
  ...single(seconds, ...faults),
  topology: 'cluster',
})

/** Each of them is run without a mutant as well, and must find nothing then. */
export const TRIALS = {
  replies: single(25, 'net-drop-publish', 'net-drop-reply'),
  silence: single(20, 'net-swallow-down', 'net-swallow-up'),
  deaths: single(30, 'pending-trim', 'worker-kill'),
  pauses: single(30, 'worker-block', 'worker-stop'),
  groups: single(25, 'group-delete'),
  // Nothing need break: a group that comes when retention has had its first rounds is enough.
  late: single(40, 'script-flush'),
  commits: single(75, 'postgres-late'),
  failovers: sentinel(20, 'master-freeze'),
  replicas: sentinel(20, 'replicas-freeze'),
  migrations: cluster(32, 'slot-migrate'),
} as const satisfies Record<string, Trial>

export type TrialName = keyof typeof TRIALS
