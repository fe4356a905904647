import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import type { Servers } from '../contender.ts'
import { underLoad } from '../http/under-load.ts'
import { ServiceProcess } from '../service-process.ts'
import { until } from '../until.ts'

/** From the call that publishes until its row can be read, in ms. */
export interface AuditDelay {
  /** It was read: the row stands as pending, or beyond. */
  row: Percentiles
  /** The main group has run it. */
  processed: Percentiles
}
export interface Percentiles {
  p50: number
  p95: number
}

/** Long enough for everything to rest in between. */
const PAUSE_MS = 50
const WARM_UP = 20

/** One event at a time into a service that has nothing else to do. */
export async function measureAuditDelay(servers: Servers, events: number): Promise<AuditDelay> {
  const { env, headers } = underLoad('publish')
  const database = new Client({ connectionString: servers.postgres })
  await database.connect()
  const service = await ServiceProcess.start(servers, { ...env, ROLES: 'api,worker' })
  const times = { row: [] as number[], processed: [] as number[] }
  try {
    for (let n = -WARM_UP; n < events; n++) {
      await sleep(PAUSE_MS)
      const since = performance.now()
      const position = await publish(service.url, headers)
      for (const what of ['row', 'processed'] as const) {
        const states = what === 'row' ? ['pending', 'processed'] : ['processed']
        await until(() => stands(database, position, states))
        if (n >= 0) times[what].push(performance.now() - since)
      }
    }
  } finally {
    await service.stop()
    await database.query('TRUNCATE millrace_audit, millrace_inbox')
    await database.end()
  }
  return { row: percentiles(times.row), processed: percentiles(times.processed) }
}

async function publish(url: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(`${url}/api/events/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ senderId: 'ada', receiverId: 'grace', content: 'Hello!' }),
  })
  const { messageId } = (await response.json()) as { messageId?: string }
  if (!messageId) throw new Error(`publishing was answered with ${response.status}`)
  return messageId
}

async function stands(database: Client, position: string, states: readonly string[]): Promise<boolean> {
  const text = `SELECT 1 FROM millrace_audit WHERE stream = 'chat:messages' AND position = $1 AND state = ANY($2)`
  return (await database.query(text, [position, states])).rows.length > 0
}

function percentiles(times: number[]): Percentiles {
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.ceil(times.length * share) - 1]!
  return { p50: at(0.5), p95: at(0.95) }
}
