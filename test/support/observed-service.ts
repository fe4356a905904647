import type { App } from '../../src/app/app.ts'
import type { TestServer } from '../../src/engines/test-servers.ts'
import { RunningService } from './running-service.ts'

/** A line of the service's log, as JSON. */
type Line = Record<string, unknown> & { level: string; context: string; message: string }

/** A service that logs all it can, made and not started. */
export function observedService(
  servers: { redis: TestServer; postgres: TestServer },
  app: Partial<App>,
  env: NodeJS.ProcessEnv = {},
): RunningService {
  const places = { REDIS_URL: servers.redis.url, DATABASE_URL: servers.postgres.url }
  return RunningService.create(app, { ...places, LOG_LEVEL: 'trace', LOG_FORMAT: 'json', ...env })
}

/** Its lines with this message. */
export const linesOf = ({ lines }: RunningService, message: string): Line[] =>
  lines.map((line) => JSON.parse(line) as Line).filter((line) => line.message === message)
