import autocannon from 'autocannon'
import { Client } from 'pg'
import type { Servers } from '../contender.ts'
import { underLoad } from '../http/under-load.ts'
import { median } from '../race.ts'
import { ServiceProcess } from '../service-process.ts'
import { until } from '../until.ts'

/** Medians of the rounds. */
export interface UserSpeed {
  /** Requests that were answered with 201, in a second. */
  perSecond: number
  /** Of the times of the answers, in ms. */
  p50: number
  p95: number
  /** From the last answer until each event of the round stands as processed in the audit trail, in s. */
  settledSeconds: number
}

export const CONNECTIONS = 50

/** Creates users with the service in the roles `api` and `worker`, and waits for what comes of each. */
export async function measureUsers(servers: Servers, rounds: number, seconds: number): Promise<UserSpeed> {
  const { env, headers } = underLoad('publish')
  const database = new Client({ connectionString: servers.postgres })
  await database.connect()
  const service = await ServiceProcess.start(servers, { ...env, ROLES: 'api,worker' })
  try {
    const measured: UserSpeed[] = []
    for (let round = 0; round <= rounds; round++) {
      const one = await load(service.url, headers, round, seconds)
      const since = performance.now()
      await untilAudited(database, one.created)
      const settledSeconds = (performance.now() - since) / 1_000
      // The first round warms up.
      if (round > 0) measured.push({ ...one, settledSeconds })
      await database.query('TRUNCATE users, millrace_audit, millrace_inbox')
    }
    const middle = (name: keyof UserSpeed) => median(measured.map((one) => one[name]))
    return {
      perSecond: middle('perSecond'),
      p50: middle('p50'),
      p95: middle('p95'),
      settledSeconds: middle('settledSeconds'),
    }
  } finally {
    await service.stop()
    await database.end()
  }
}

async function load(url: string, headers: Record<string, string>, round: number, seconds: number) {
  const times: number[] = []
  let n = 0
  const options: autocannon.Options = {
    url: `${url}/api/users`,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    connections: CONNECTIONS,
    duration: seconds,
    requests: [
      {
        setupRequest: (request) => {
          const username = `user-${round}-${n++}`
          return { ...request, body: JSON.stringify({ username, email: `${username}@example.com` }) }
        },
      },
    ],
  }
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, result) => (error ? reject(error as Error) : resolve(result)))
    run.on('response', (_client, _status, _bytes, ms) => void times.push(ms))
  })
  const failed = result.errors + result.timeouts + result.non2xx
  if (failed > 0)
    throw new Error(`${failed} users were not created: ${JSON.stringify(result.statusCodeStats)}`)
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.ceil(times.length * share) - 1]!
  return { created: result['2xx'], perSecond: result['2xx'] / result.duration, p50: at(0.5), p95: at(0.95) }
}

/** As many as were answered, and those whose answer the end of the load cut off. */
async function untilAudited(database: Client, created: number): Promise<void> {
  await until(async () => {
    const { rows } = await database.query<{ users: number; processed: number }>(
      `SELECT (SELECT count(*) FROM users)::int AS users,
         (SELECT count(*) FROM millrace_audit WHERE state = 'processed' AND stream = 'user:events')::int AS processed`,
    )
    const { users, processed } = rows[0]!
    if (processed > users) throw new Error(`the audit trail has ${processed} rows for ${users} users`)
    return users >= created && processed === users
  })
}
