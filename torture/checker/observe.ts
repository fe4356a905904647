import type { Letter } from '../destroy.ts'
import { ask, DATABASE_USER } from '../database.ts'
import { eventually } from '../insist.ts'
import { effectsStream, LANE_NAMES, LANES, type LaneName } from '../load.ts'
import { REDIS_USER, type Topology } from '../topologies/topology.ts'

/** A stream at the end. */
export interface FoundStream {
  /** Position and event id. */
  readonly entries: readonly (readonly [position: string, id: string])[]
  readonly letters: readonly Letter[]
  /** Event ids of the effects that were produced, in their order. */
  readonly effects: readonly string[]
  /** Consumers of each group, with what is pending to them. */
  readonly consumers: readonly { group: string; name: string; pending: number }[]
}

/** What there is when everything ended. */
export interface Found {
  readonly streams: Readonly<Record<LaneName, FoundStream>>
  readonly keys: readonly string[]
  /** Some of those keys that should end by themselves and never will. */
  readonly lasting: readonly string[]
  /** Connections of ours that are still open, to Redis and to PostgreSQL. */
  readonly connections: readonly string[]
  /** How often each event took effect in PostgreSQL, where it did. */
  readonly databaseEffects: ReadonlyMap<string, number>
}

type Row = [position: string, fields: string[]]
const PAGE = '2000'
/** A server may take a moment to notice that a client is gone. */
const CLOSE_MS = 5_000
const LASTING_SAMPLE = 2_000

export async function observe(topology: Topology, databaseUrl: string): Promise<Found> {
  const streams = {} as Record<LaneName, FoundStream>
  for (const lane of LANE_NAMES) streams[lane] = await observeStream(topology, LANES[lane].stream)
  const keys = await topology.keys()
  const rows = await ask<{ id: string; count: string }>(
    databaseUrl,
    'SELECT id, count(*) FROM torture_effects GROUP BY id',
  )
  return {
    streams,
    keys,
    lasting: await lastingKeys(topology, keys),
    connections: await openConnections(topology, databaseUrl),
    databaseEffects: new Map(rows.map(({ id, count }) => [id, Number(count)])),
  }
}

async function observeStream(topology: Topology, stream: string): Promise<FoundStream> {
  const letters = await rowsOf(topology, `{${stream}}:dead-letter`)
  const effects = await rowsOf(topology, effectsStream(stream))
  const groups = await topology.send<unknown[][]>(['XINFO', 'GROUPS', stream], stream)
  const consumers = []
  for (const info of groups) {
    const group = String(valueOf(info, 'name'))
    const found = await topology.send<unknown[][]>(['XINFO', 'CONSUMERS', stream, group], stream)
    for (const one of found)
      consumers.push({ group, name: String(valueOf(one, 'name')), pending: Number(valueOf(one, 'pending')) })
  }
  return {
    entries: (await rowsOf(topology, stream)).map(([position, fields]) => [
      position,
      String(valueOf(fields, 'id')),
    ]),
    letters: letters.map(([, fields]) => letterOf(fields)),
    effects: effects.map(([, fields]) => JSON.parse(String(valueOf(fields, 'data'))) as string),
    consumers,
  }
}

async function rowsOf(topology: Topology, key: string): Promise<Row[]> {
  const rows: Row[] = []
  for (let from = '-'; ;) {
    const page = await topology.send<Row[]>(['XRANGE', key, from, '+', 'COUNT', PAGE], key)
    for (const [position, fields] of page)
      rows.push([position, fields.filter((field) => field.length < 10_000)])
    if (page.length < Number(PAGE)) return rows
    from = `(${page.at(-1)![0]}`
  }
}

/** What says why stands last, after whatever the publisher wrote. */
function letterOf(fields: readonly string[]): Letter {
  const why = (name: string) => fields[fields.lastIndexOf(`deadletter-${name}`) + 1] ?? ''
  return {
    id: String(valueOf(fields, 'id') ?? ''),
    position: why('position'),
    group: why('group'),
    attempts: Number(why('attempts')),
    error: why('error'),
    reason: why('reason'),
  }
}

const valueOf = (pairs: readonly unknown[], name: string): unknown => {
  const at = pairs.indexOf(name)
  return at < 0 ? undefined : pairs[at + 1]
}

/** Keys that are remembered for a time alone. */
async function lastingKeys(topology: Topology, keys: readonly string[]): Promise<string[]> {
  const lasting: string[] = []
  for (const key of keys.filter((one) => /:(idempotency|seen|lease)(:|$)/.test(one)).slice(0, LASTING_SAMPLE))
    if ((await topology.send<number>(['PTTL', key], key)) === -1) lasting.push(key)
  return lasting
}

async function openConnections(topology: Topology, databaseUrl: string): Promise<string[]> {
  let open: string[] = []
  const sessions = `SELECT pid, query FROM pg_stat_activity WHERE usename = '${DATABASE_USER}' AND datname IS NOT NULL`
  await eventually(async () => {
    const clients = (await topology.clients()).filter((line) => line.includes(`user=${REDIS_USER} `))
    open = [...clients, ...(await ask<object>(databaseUrl, sessions)).map((row) => JSON.stringify(row))]
    return open.length === 0
  }, CLOSE_MS)
  return open
}
