import { afterEach } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { Database } from '../../src/postgres/database.ts'
import { createTestDatabase } from '../../src/postgres/test-database.ts'
import { RunningService } from './running-service.ts'
import { ServiceProcess } from './service-process.ts'
import { usePostgres } from './use-postgres.ts'
import { useRedis } from './use-redis.ts'
import { useEach } from './use.ts'

/** Servers for the tests of a file; a new database and an empty Redis for each test; and services that end with it. */
export function useAppServices() {
  const { server: redis, admin } = useRedis()
  const postgres = usePostgres()
  const place = useEach(
    async () => {
      const url = await createTestDatabase(postgres.url)
      return { url, database: new Database({ url }) }
    },
    async ({ database }) => {
      await database.close()
      await admin.send(['FLUSHALL'])
    },
  )
  const ends: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
  })
  const env = (more: NodeJS.ProcessEnv = {}) => ({ REDIS_URL: redis.url, DATABASE_URL: place.url, ...more })
  return {
    admin,
    place,
    env,
    /** An app module in a process of its own, which can be killed. */
    async launch(app: string, more: NodeJS.ProcessEnv = {}): Promise<ServiceProcess> {
      const service = await ServiceProcess.start(env({ TEST_EVENT_INTERVAL_MS: '0', ...more }), [
        '--app',
        app,
      ])
      ends.push(() => service.end('SIGKILL'))
      return service
    },
    async start(app: Partial<App>, more: NodeJS.ProcessEnv = {}): Promise<RunningService> {
      const running = await RunningService.start(app, env(more))
      ends.push(() => running.stop())
      return running
    },
  }
}
