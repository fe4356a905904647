import { setTimeout as sleep } from 'node:timers/promises'
import { startTestRedis } from '../../src/engines/test-servers.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { eventually } from '../insist.ts'
import { Random } from '../random.ts'
import { Crew } from './crew.ts'
import type { SinkName } from './names.ts'
import { TARGETS } from './targets.ts'

export interface SinkReport {
  sink: SinkName
  events: number
  /** In which time they were published and written, in s. */
  seconds: number
  kills: number
  /** How often an event is there beyond the first time. */
  repeats: number
  /** What was promised and not kept. */
  violations: string[]
}

export interface SinkTortureOptions {
  events: number
  /** Published within so many seconds. */
  seconds: number
  seed: number
}

const STREAM = 'torture:events'
const GROUP = 'torture'
const CHUNK = 500
const DRAIN_MS = 120_000

/** Three connectors of a sink that fails one write in ten are killed again and again, under load; then its content is checked. */
export async function tortureSink(
  sink: SinkName,
  options: SinkTortureOptions,
  say: (line: string) => void,
): Promise<SinkReport> {
  const begin = performance.now()
  const redis = await startTestRedis()
  const target = await TARGETS[sink]()
  const log = await RedisStreamLog.open({ url: redis.url })
  const crew = new Crew(
    { redis: redis.url, stream: STREAM, group: GROUP, spec: target.spec },
    new Random(options.seed),
  )
  try {
    crew.start()
    const positions = await publish(log, options)
    say(`${sink}: ${positions.length} events are published, ${crew.kills} kills so far`)
    const isDrained = await drained(log)
    const left = await crew.stop()
    const held = await target.held()
    const found = examine(positions, held, target.once)
    if (!isDrained) found.violations.push(`the group was not done within ${DRAIN_MS / 1_000} s`)
    if (left.length > 0) found.violations.push(`connectors did not stop by themselves: ${left.join(', ')}`)
    const { total } = await log.operations.deadLetters.summary(STREAM)
    if (total > 0) found.violations.push(`${total} events are dead letters`)
    return {
      sink,
      events: positions.length,
      seconds: (performance.now() - begin) / 1_000,
      kills: crew.kills,
      ...found,
    }
  } finally {
    await crew.stop()
    await log.close()
    await target.close()
    await redis.stop()
  }
}

/** Evenly over the time; every other event has a key. */
async function publish(log: RedisStreamLog, { events, seconds }: SinkTortureOptions): Promise<string[]> {
  const positions: string[] = []
  const begin = performance.now()
  while (positions.length < events) {
    const from = positions.length
    const entries = Array.from({ length: Math.min(CHUNK, events - from) }, (_, index) => ({
      fields: fieldsOf(from + index),
    }))
    for (const result of await log.append(STREAM, entries)) {
      if (typeof result !== 'string') throw result
      positions.push(result)
    }
    const ahead = (positions.length / events) * seconds * 1_000 - (performance.now() - begin)
    if (ahead > 0) await sleep(ahead)
  }
  return positions
}

function fieldsOf(n: number): string[] {
  const fields = ['type', 'measured', 'data', JSON.stringify({ n })]
  return n % 2 === 0 ? fields : [...fields, 'partitionkey', `key-${n % 97}`]
}

async function drained(log: RedisStreamLog): Promise<boolean> {
  return eventually(async () => {
    const [group] = await log.operations.stats.lag(STREAM)
    return group?.pending === 0 && group.behind === 0
  }, DRAIN_MS)
}

export function examine(
  published: readonly string[],
  held: readonly string[],
  once: boolean,
): { repeats: number; violations: string[] } {
  const there = new Set(held)
  const known = new Set(published)
  const missing = published.filter((id) => !there.has(id))
  const strange = [...there].filter((id) => !known.has(id))
  const repeats = held.length - there.size
  const violations: string[] = []
  if (missing.length > 0) violations.push(`${missing.length} events are missing, the first is ${missing[0]}`)
  if (strange.length > 0)
    violations.push(`${strange.length} that nobody published, the first is ${strange[0]}`)
  if (once && repeats > 0) violations.push(`${repeats} events are there more than once`)
  return { repeats, violations }
}
