import { defineApp, type App } from '../../src/app/app.ts'
import { MillraceService } from '../../src/cli/service/service.ts'
import { loadConfig } from '../../src/config/config.ts'
import type { ProcessedEvent } from '../../src/core/processed-events.ts'
import { createLogger, type ContextLog } from '../../src/telemetry/logger.ts'

type Answer<T> = Promise<{ status: number; headers: Headers; body: T }>

/** A service in this process, and a client of its API. */
export class RunningService {
  readonly service: MillraceService
  /** What it logged. */
  readonly lines: string[]
  /** What handlers of the app write to. */
  readonly log: ContextLog

  private constructor(service: MillraceService, lines: string[], log: ContextLog) {
    this.service = service
    this.lines = lines
    this.log = log
  }

  /** Made, and not started. There are no test events unless `env` asks for them. */
  static create(given: Partial<App>, env: NodeJS.ProcessEnv): RunningService {
    const variables = { SERVICE_PORT: '0', TEST_EVENT_INTERVAL_MS: '0', ...env }
    const config = loadConfig(variables, { cwd: '/nowhere', version: '9.9.9' })
    const lines: string[] = []
    const destination = { write: (line: string) => void lines.push(line) }
    const app = defineApp(given)
    const logger = createLogger({
      ...config.log,
      redactFields: [...config.log.redactFields, ...app.personalFields],
      service: 'test',
      environment: 'development',
      destination,
    })
    const service = new MillraceService({ config, app, logger, engineFolder: '/nowhere', env: {} })
    return new RunningService(service, lines, logger.for('app'))
  }

  static async start(app: Partial<App>, env: NodeJS.ProcessEnv): Promise<RunningService> {
    const running = RunningService.create(app, env)
    await running.service.start()
    return running
  }

  async get<T = Record<string, unknown>>(path: string): Answer<T> {
    return answerOf(await fetch(this.service.url + path))
  }

  async post<T = Record<string, unknown>>(
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Answer<T> {
    return this.send('POST', path, body, headers)
  }

  async send<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Answer<T> {
    const json = body !== undefined && { 'content-type': 'application/json' }
    const response = await fetch(this.service.url + path, {
      method,
      headers: { ...json, ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return answerOf(response)
  }

  /** Publishes one event. */
  publish<T = Record<string, unknown>>(
    streamName: string,
    eventType: string,
    payload: unknown,
    headers: Record<string, string> = {},
  ): Answer<T> {
    return this.post('/api/events/custom', { streamName, eventType, payload }, headers)
  }

  async processed(type: string): Promise<ProcessedEvent[]> {
    const { body } = await this.get<{ events: ProcessedEvent[] }>(
      `/api/events/processed?eventType=${type}&limit=100`,
    )
    return body.events
  }

  async readiness(): Promise<string> {
    const { status, body } = await this.get('/health/ready')
    return status === 200 ? 'ready' : String(body['reason'])
  }

  stop(): Promise<void> {
    return this.service.stop(5_000)
  }
}

async function answerOf<T>(response: Response): Answer<T> {
  const { status, headers } = response
  return { status, headers, body: (await response.json()) as T }
}
