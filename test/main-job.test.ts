import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestPostgres, startTestRedis, type TestServer } from '../src/engines/test-servers.ts'
import type { ProcessedEvent } from '../src/core/processed-events.ts'
import { ServiceProcess, spawnMillrace } from './support/service-process.ts'

const FILE = join(import.meta.dirname, '../node_modules/vega-datasets/data/earthquakes.json')
const { features } = JSON.parse(readFileSync(FILE, 'utf8')) as { features: { id: string }[] }

let redis: TestServer
let postgres: TestServer
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([
    startTestRedis({ args: ['--appendonly', 'yes'] }),
    startTestPostgres(),
  ])
  // Nothing else is counted: in development there is a test event every ten seconds.
  env = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, TEST_EVENT_INTERVAL_MS: '0' }
})
afterAll(async () => {
  await Promise.all([redis?.stop(), postgres?.stop()])
})

async function publishEarthquakes(stream: string): Promise<number | null> {
  const args = ['publish', stream, '--type', 'earthquake.reported', '--from', FILE]
  const child = spawnMillrace([...args, '--items', 'features', '--key', 'properties.net'], env)
  await once(child, 'exit')
  return child.exitCode
}

const processedCount = async (service: ServiceProcess): Promise<number> => {
  const { stats } = await service.get<{ stats: { processed: number } }>('/api/events/stats')
  return stats.processed
}

async function allProcessed(service: ServiceProcess): Promise<ProcessedEvent[]> {
  const events: ProcessedEvent[] = []
  for (;;) {
    const page = await service.get<{ events: ProcessedEvent[]; total: number }>(
      `/api/events/processed?processed=true&limit=500&offset=${events.length}`,
    )
    events.push(...page.events)
    if (page.events.length === 0) return events
  }
}

describe('the main job', () => {
  it('brings every real earthquake into the audit trail once, through a SIGKILL half-way', async () => {
    const first = await ServiceProcess.start(env)
    const publishing = publishEarthquakes('earthquakes')
    await first.until(async () => (await processedCount(first)) > 0)
    await first.end('SIGKILL')
    expect(await publishing).toBe(0)

    const second = await ServiceProcess.start(env)
    await second.until(async () => (await processedCount(second)) >= features.length, 60_000)
    const events = await allProcessed(second)
    expect(events.length).toBe(features.length)
    expect(new Set(events.map(({ streamId }) => streamId)).size).toBe(features.length)
    const byId = new Map(events.map(({ payload }) => [(payload as { id: string }).id, payload]))
    for (const feature of features) expect(byId.get(feature.id)).toEqual(feature)
    expect(await second.end()).toBe(0)
  })
})
