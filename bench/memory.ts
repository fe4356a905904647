import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fill } from './consume/stream.ts'
import type { Servers } from './contender.ts'
import { rawClient } from './raw.ts'

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
  const service = startService(servers)
  try {
    await untilReady(service)
    const readySeconds = (performance.now() - began) / 1_000
    await sleep(SETTLE_MS)
    return { restMb: residentMb(service.pid!), readySeconds }
  } finally {
    service.kill('SIGTERM')
    if (service.exitCode === null) await once(service, 'exit')
  }
}

/** As `npm start` does, on the built JavaScript. */
function startService({ redis, postgres }: Servers): ChildProcess {
  const dist = join(import.meta.dirname, '../dist')
  const args = [join(dist, 'cli/main.js'), 'serve', '--app', join(dist, 'examples/app.js')]
  const env = { PATH: process.env['PATH'], REDIS_URL: redis, DATABASE_URL: postgres, SERVICE_PORT: '0' }
  // In a folder without a `.env`, which would be read.
  return spawn(process.execPath, args, { cwd: tmpdir(), env, stdio: ['ignore', 'pipe', 'inherit'] })
}

async function untilReady(service: ChildProcess): Promise<void> {
  for await (const line of createInterface({ input: service.stdout! }))
    if (line.includes('is ready')) {
      // What it says from now on must not fill the pipe.
      service.stdout!.resume()
      return
    }
  throw new Error('the service ended before it was ready')
}

const residentMb = (pid: number): number =>
  (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1_024) / 1e6

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
