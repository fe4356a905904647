import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createClient } from '@redis/client'
import type { Servers } from '../contender.ts'
import { ORDER_TYPE, orders } from '../payload.ts'
import { median } from '../race.ts'
import { ServiceProcess } from '../service-process.ts'
import { load, type Load, type Requests } from './load.ts'
import { underLoad } from './under-load.ts'

/** A route of the service, and the same of the bare one: medians of the rounds. */
export interface RouteSpeed {
  millrace: Load
  bare: Load
  /** How many events a request carries. */
  events: number
}

export interface HttpSpeed {
  custom: RouteSpeed
  batch: RouteSpeed
  /** `/health/live` while {@link BESIDE} events a second are published. */
  live: Load
}

const BATCH = 100
/** Less than the machine can do: what is asked beside it waits for its turn, not for the machine. */
export const BESIDE = 2_000
const { env, headers } = underLoad('publish')
const event = (payload: unknown) => ({ streamName: 'bench:http', eventType: ORDER_TYPE, payload })
const CUSTOM: Requests = { path: '/api/events/custom', body: event(orders(1)[0]), headers }
const BATCHES: Requests = { path: '/api/events/batch', body: { events: orders(BATCH).map(event) }, headers }

/** The service and the bare route in turn, each in a process of its own. */
export async function measureHttp(servers: Servers, rounds: number, seconds: number): Promise<HttpSpeed> {
  const redis = await createClient({ url: servers.redis }).connect()
  const bare = await startBare(servers)
  const service = await ServiceProcess.start(servers, env)
  try {
    const compare = async (requests: Requests, events: number): Promise<RouteSpeed> => {
      const loads: Record<'millrace' | 'bare', Load[]> = { millrace: [], bare: [] }
      for (let round = 0; round <= rounds; round++) {
        for (const [name, url] of [
          ['millrace', service.url],
          ['bare', bare.url],
        ] as const) {
          const measured = await load(url, requests, { seconds })
          // The first round warms up.
          if (round > 0) loads[name].push(measured)
          await redis.del('bench:http')
        }
      }
      return { millrace: middle(loads.millrace), bare: middle(loads.bare), events }
    }
    const custom = await compare(CUSTOM, 1)
    const batch = await compare(BATCHES, BATCH)
    const [live] = await Promise.all([
      load(service.url, { path: '/health/live' }, { seconds, connections: 10 }),
      load(service.url, CUSTOM, { seconds, perSecond: BESIDE }),
    ])
    return { custom, batch, live }
  } finally {
    bare.process.disconnect()
    await service.stop()
    await redis.flushAll('SYNC')
    redis.destroy()
  }
}

async function startBare({ redis }: Servers): Promise<{ url: string; process: ChildProcess }> {
  const process = fork(fileURLToPath(new URL('bare.ts', import.meta.url)), [redis])
  const [url] = (await once(process, 'message')) as [string]
  return { url, process }
}

const middle = (loads: readonly Load[]): Load => ({
  perSecond: median(loads.map(({ perSecond }) => perSecond)),
  p97_5: median(loads.map(({ p97_5 }) => p97_5)),
  p99: median(loads.map(({ p99 }) => p99)),
})
