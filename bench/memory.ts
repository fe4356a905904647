import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fill } from './consume/stream.ts'
import type { Servers } from './contender.ts'
import { rawClient } from './raw.ts'
import { residentMb } from './resident.ts'
import { ServiceProcess } from './service-process.ts'

/** What the process of a worker grew by while it took its events, from before the first one on, in MB. */
export interface Growth {
  growthMb: number
  /** Of that, live objects: what would go on growing if something were held for ever. */
  heapGrowthMb: number
}

export interface Memory extends Growth {
  /** Resident memory of the service at rest, in MB. */
  restMb: number
  /** From the start of the process to ready, with engines in place, in seconds. */
  readySeconds: number
}

/** How long after it is ready the service is at rest: by then Node has collected the garbage of the start. */
const SETTLE_MS = 20_000

export async function measureMemory(servers: Servers, events: number): Promise<Memory> {
  return { ...(await measureService(servers)), ...(await measureGrowth(servers, events)) }
}

async function measureService(servers: Servers): Promise<Pick<Memory, 'restMb' | 'readySeconds'>> {
  const began = performance.now()
  const service = await ServiceProcess.start(servers)
  try {
    const readySeconds = (performance.now() - began) / 1_000
    await sleep(SETTLE_MS)
    return { restMb: residentMb(service.pid), readySeconds }
  } finally {
    await service.stop()
  }
}

async function measureGrowth({ redis }: Servers, events: number): Promise<Growth> {
  const client = await rawClient(redis)
  await fill(client, 'memory', events)
  const file = join(import.meta.dirname, 'memory-main.mjs')
  const child = fork(file, [redis, 'memory', String(events)], { execArgv: ['--expose-gc'] })
  const [growth] = (await once(child, 'message')) as [Growth]
  await once(child, 'exit')
  await client.flushAll('SYNC')
  client.destroy()
  return growth
}
