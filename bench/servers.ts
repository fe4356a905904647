import { join } from 'node:path'
import { postgresEngine } from '../src/engines/engines.ts'
import { startTestRedis } from '../src/engines/test-servers.ts'
import type { Servers } from './contender.ts'

/** PostgreSQL keeps its data here, beside that of development. */
const FOLDER = join(import.meta.dirname, '../.millrace/bench')

/** Runs the work on servers of its own: a Redis without persistence, and a PostgreSQL that waits for its disk. */
export async function withServers(
  { postgres }: { postgres: boolean },
  work: (servers: Servers) => Promise<void>,
): Promise<void> {
  const redis = await startTestRedis()
  // No environment, so that it is never the database that somebody works with.
  const database = postgres ? await postgresEngine({ dir: FOLDER, env: {} }) : undefined
  try {
    await work({ redis: redis.url, ...(database ? { postgres: database.url } : {}) })
  } finally {
    await Promise.all([redis.stop(), database?.stop()])
  }
}
