import { defineApp, type App } from '../../src/app/app.ts'
import { MillraceService } from '../../src/cli/service/service.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import type { TestServer } from '../../src/engines/test-servers.ts'

/** A line of the service's log, as JSON. */
export type Line = Record<string, unknown> & { level: string; context: string; message: string }

/** A service in this process, at level trace, whose lines can be read. */
export class ObservedService {
  readonly text: string[] = []
  readonly #service: MillraceService

  constructor(servers: { redis: TestServer; postgres: TestServer }, given: Partial<App>, env = {}) {
    const places = { REDIS_URL: servers.redis.url, DATABASE_URL: servers.postgres.url, SERVICE_PORT: '0' }
    const variables = {
      ...places,
      TEST_EVENT_INTERVAL_MS: '0',
      LOG_LEVEL: 'trace',
      LOG_FORMAT: 'json',
      ...env,
    }
    const config = loadConfig(variables, { cwd: '/nowhere', version: '9.9.9' })
    const app = defineApp(given)
    const logger = createLogger({
      ...config.log,
      redactFields: [...config.log.redactFields, ...app.personalFields],
      service: 'test',
      environment: 'development',
      destination: { write: (line) => this.text.push(line) },
    })
    this.log = logger.for('app')
    this.#service = new MillraceService({ config, app, logger, engineFolder: '/nowhere', env: {} })
  }

  /** What handlers of the app write to. */
  readonly log: ReturnType<ReturnType<typeof createLogger>['for']>

  get lines(): Line[] {
    return this.text.map((line) => JSON.parse(line) as Line)
  }

  async start(): Promise<this> {
    await this.#service.start()
    return this
  }

  stop(): Promise<void> {
    return this.#service.stop(5_000)
  }

  async publish(
    streamName: string,
    payload: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; messageId: string }> {
    return this.post('/api/events/custom', { streamName, eventType: 'placed', payload }, headers)
  }

  async post<T>(
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<T & { status: number }> {
    const response = await fetch(this.#service.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    return { ...((await response.json()) as T), status: response.status }
  }
}
