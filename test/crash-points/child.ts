// A process of its own that runs the scenario from instrumented sources. `run`: once, with a point at which it kills
// itself, if any; it prints which points it reached. `serve`: as often as it is asked by lines of stdin.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { Pool } from 'pg'
import { Journal } from './journal.ts'
import { DEAD_AFTER_MS } from './plan.ts'
import { arm, reached, type Target } from './points.ts'
import type { Ask, Send } from './progress.ts'
import { scenario, type Run } from './scenario.ts'
import type { Servers } from './surroundings.ts'

/** What the child prints: a JSON value a line. */
export interface Report {
  readonly run: string
  /** What was left to do when its patience ended. */
  readonly left: string[]
  /** Points since the process began, each with how often it was reached. */
  readonly reached: [point: number, count: number][]
}

const TICK_MS = 100

/** What has no time for half of its silence proves nothing when it loses what it held. Answers how to stop. */
function watchTime(send: Send, journal: Journal): () => void {
  const stopping = new AbortController()
  const watch = async () => {
    for (let last = performance.now(); !stopping.signal.aborted;) {
      await sleep(TICK_MS)
      await send('PING')
      const ms = Math.round(performance.now() - last)
      if (ms > DEAD_AFTER_MS / 2) journal.write({ what: 'stalled', ms })
      last += ms
    }
  }
  watch().catch(() => {}) // ended with its connection
  return () => stopping.abort()
}

async function run(options: Run): Promise<Report> {
  const redis = createClient({ url: options.redisUrl, RESP: 2 })
  redis.on('error', () => {})
  const pool = new Pool({ connectionString: options.postgresUrl, max: 2 })
  await redis.connect()
  const ask: Ask = async (text, values) => (await pool.query(text, values)).rows
  const servers: Servers = {
    send: (...command) => redis.sendCommand(command),
    ask,
    async transaction(work) {
      const client = await pool.connect()
      await client.query('BEGIN')
      await work(client)
      await client.query('COMMIT')
      client.release()
    },
  }
  const journal = new Journal(options.journal)
  const stopWatching = watchTime(servers.send, journal)
  const left = await scenario(options, servers)
  stopWatching()
  journal.write({ what: 'end' })
  redis.destroy()
  await pool.end()
  return { run: options.run, left, reached: reached() }
}

const print = (report: Report): void => console.log(JSON.stringify(report))

const [mode, argument] = process.argv.slice(2)
if (mode === 'run') {
  const { target, ...options } = JSON.parse(argument!) as Run & { target?: Target }
  arm(target)
  print(await run(options))
} else {
  for await (const line of createInterface({ input: process.stdin }))
    void run(JSON.parse(line) as Run).then(print)
}
