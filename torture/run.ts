import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startTestPostgres } from '../src/engines/test-servers.ts'
import { startFaultProxy } from '../src/testing/fault-proxy.ts'
import { canariesOf, type Canaries } from './canaries.ts'
import { check } from './checker/check.ts'
import { observe } from './checker/observe.ts'
import type { Report } from './checker/report.ts'
import { Child } from './child.ts'
import { Crew } from './crew.ts'
import { databaseUrl, prepareDatabase } from './database.ts'
import { untilQuiet } from './drain.ts'
import { EvidenceWriter } from './evidence.ts'
import { FAULTS } from './faults/faults.ts'
import { Schedule } from './faults/schedule.ts'
import type { TortureOptions } from './options.ts'
import { planFaults, type PlannedFault } from './plan.ts'
import { probeRedis } from './probes.ts'
import { startTopology } from './topologies/start.ts'
import type { Topology } from './topologies/topology.ts'

const PUBLISHERS = 2
/** When the late group comes, as a part of the run. */
const LATE_AT = 1 / 3
/** What publishers wait for at most, and how long workers may take to stop. */
const END_MS = 45_000

type Say = (line: string) => void

/** Starts everything, lets it run while it is broken, ends it, and has it checked. */
export async function torture(options: TortureOptions, say: Say): Promise<Report> {
  planOf(options) // before anything is started
  const folder = options.keep ?? mkdtempSync(join(tmpdir(), 'millrace-torture-'))
  mkdirSync(join(folder, 'logs'), { recursive: true })
  const canaries = canariesOf(options.seed)
  const topology = await startTopology(options.topology, { password: canaries.redisPassword })
  try {
    return await onServers(options, { folder, canaries, topology }, say)
  } finally {
    await topology.stop()
    if (options.keep === undefined) rmSync(folder, { recursive: true, force: true })
  }
}

interface Place {
  folder: string
  canaries: Canaries
  topology: Topology
}

async function onServers(options: TortureOptions, place: Place, say: Say): Promise<Report> {
  const { folder, canaries, topology } = place
  const evidence = new EvidenceWriter(folder)
  const postgres = await startTestPostgres()
  const postgresProxy = await startFaultProxy({ port: postgres.port })
  await prepareDatabase(postgres.url, canaries.databasePassword)
  const url = databaseUrl(postgres.url, postgresProxy.port, canaries.databasePassword)
  const replicated = topology.replicas !== undefined
  const processes = { folder, canaries, redis: topology.redis, databaseUrl: url, replicated }
  const crew = new Crew(options.workers, processes, evidence)
  const publishers = Array.from(
    { length: PUBLISHERS },
    (_, n) =>
      new Child('publisher', { ...processes, name: `p${n}`, rate: options.rate / PUBLISHERS, late: false }),
  )
  try {
    const site = { crew, topology, postgres, postgresProxy }
    const plan = planOf(options)
    await Promise.all([crew.ready, ...publishers.map((publisher) => publisher.ready)])
    say('the load begins')
    const loadBeganAt = Date.now()
    const probes = probeRedis(topology, evidence)
    await Promise.all([
      new Schedule(FAULTS[options.topology], site, evidence, say).run(plan),
      sleep(options.seconds * 1_000),
      sleep(options.seconds * 1_000 * LATE_AT).then(() => crew.tellLate()),
    ])
    say('the load ends')
    const loadEndedAt = Date.now()
    probes.end()
    const trouble = await endPublishers(publishers)
    trouble.push(...(await untilQuiet(topology, postgres.url)))
    say('all is quiet, the workers end')
    trouble.push(...(await crew.end(END_MS)).map((end) => `did not end by itself: ${end}`))
    evidence.close()
    say('checking')
    const found = await observe(topology, postgres.url)
    const logs = [...topology.logs, join(postgres.dir, 'postgres.log')]
    return check({ options, folder, canaries, found, logs, trouble, loadBeganAt, loadEndedAt })
  } finally {
    await Promise.all([crew.kill(), ...publishers.map((publisher) => publisher.isAlive && publisher.end())])
    await postgresProxy.stop()
    await postgres.stop()
  }
}

/**
 * The schedule of faults that these options lead to.
 *
 * @throws UsageError for faults that there are not
 */
export function planOf({ seed, seconds, topology, faults: only }: TortureOptions): PlannedFault[] {
  const faults = FAULTS[topology]
  const kinds = Object.keys(faults)
  const unknown = only?.filter((kind) => !kinds.includes(kind)) ?? []
  if (unknown.length > 0)
    throw new UsageError(`there is no fault ${unknown.join(', ')}; there are: ${kinds.join(', ')}`)
  const durations = (only ?? kinds).map((kind) => [kind, faults[kind]!.lastsMs] as const)
  return planFaults(seed, seconds, Object.fromEntries(durations))
}

/** What was asked for can not be had. */
export class UsageError extends Error {}

async function endPublishers(publishers: readonly Child[]): Promise<string[]> {
  for (const publisher of publishers) publisher.tell({ tell: 'stop' })
  const late = sleep(END_MS, 'late' as const, { ref: false })
  const ends = await Promise.all(
    publishers.map(async ({ name, ended }) => ({ name, end: await Promise.race([ended, late]) })),
  )
  return ends.filter(({ end }) => end !== 0).map(({ name, end }) => `did not end by itself: ${name}: ${end}`)
}
