import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Servers } from './contender.ts'

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))

export interface Memory {
  /** Resident memory of the service at rest, in MB. */
  restMb: number
  /** From the start of the process to ready, with engines in place, in seconds. */
  readySeconds: number
  /** What a worker's process grew by while it took the events, in MB. */
  growthMb: number
}

/** How long after it is ready the service counts as being at rest: garbage of the start is gone by then, in ms. */
const SETTLE_MS = 20_000

export async function measureMemory(servers: Servers, events: number): Promise<Memory> {
  const service = await measureService(servers)
  return { ...service, growthMb: await measureGrowth(servers, events) }
}

async function measureService({
  redis,
  postgres,
}: Servers): Promise<{ restMb: number; readySeconds: number }> {
  const env = { PATH: process.env['PATH'], REDIS_URL: redis, DATABASE_URL: postgres, SERVICE_PORT: '0' }
  const began = performance.now()
  const service = spawn(process.execPath, [path('../dist/cli/main.js'), 'serve'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    for await (const line of createInterface({ input: service.stdout })) if (line.includes('is ready')) break
    const readySeconds = (performance.now() - began) / 1_000
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    return { restMb: residentMb(service.pid!), readySeconds }
  } finally {
    service.kill('SIGTERM')
    await once(service, 'exit')
  }
}

const residentMb = (pid: number): number =>
  (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1_024) / 1e6

async function measureGrowth({ redis }: Servers, events: number): Promise<number> {
  const child = fork(path('memory-main.ts'), [redis, String(events)], {
    execArgv: [...process.execArgv, '--expose-gc'],
  })
  const [growthMb] = (await once(child, 'message')) as [number]
  await once(child, 'exit')
  return growthMb
}
