import type { PreparedEvent } from '../core/checked-entry.ts'
import type { MillraceError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import { createServerApp, type ServerOptions } from './app.ts'
import type { EventPage } from '../core/processed-events.ts'
import type { HealthReport, ServerPorts } from './ports.ts'

export const HEALTHY: HealthReport = {
  status: 'healthy',
  checks: { redis: { status: 'healthy', latency: 2, lastCheck: '2026-01-28T10:00:00Z' } },
  ready: true,
}

export const TEST_OPTIONS: ServerOptions = {
  bodyBytes: 2000,
  batchBodyBytes: 8000,
  batchEvents: 10,
  jsonDepth: 64,
  requestTimeoutMs: 5000,
}

export type Body = NonNullable<RequestInit['body']>

/** What a test knows to be in an answer. */
export const json = async <T>(response: Response): Promise<T> => (await response.json()) as T

const originals = new WeakMap<PreparedEvent, NewEvent>()

function preparedOf(event: NewEvent): PreparedEvent {
  const prepared: PreparedEvent = []
  originals.set(prepared, event)
  return prepared
}

/** What a port made of the fake {@link ServerPorts.prepare} was asked to publish. */
export const eventOf = (prepared: PreparedEvent): NewEvent => originals.get(prepared)!

/** For tests of what HTTP makes of the ports: each port a function, what was published in `published`. */
export function fakeServer(overrides: Partial<ServerPorts> = {}, options: Partial<ServerOptions> = {}) {
  const published: { stream: string; event: NewEvent }[] = []
  const logged: { fields: object; message: string }[] = []
  const queries: EventPage[] = []
  const log = (fields: object, message: string) => void logged.push({ fields, message })
  const ports: ServerPorts = {
    service: { name: 'orders', version: '1.2.3', startedAt: new Date(Date.now() - 3_600_000) },
    prepare: (_, event) => preparedOf(event),
    async publish(stream, events): Promise<(string | MillraceError)[]> {
      for (const prepared of events) published.push({ stream, event: eventOf(prepared) })
      return events.map((_, index) => `${stream}-${index}`)
    },
    publishTestEvent: async () => 'event-stream-0',
    health: async () => HEALTHY,
    processedEvents: {
      async list(query) {
        queries.push(query)
        return { events: [], total: 0 }
      },
      stats: async () => ({ total: 0, processed: 0, pending: 0, errors: 0, eventTypes: [] }),
    },
    log: { debug() {}, info: log, warn: log, error: log },
    ...overrides,
  }
  const app = createServerApp(ports, { ...TEST_OPTIONS, ...options })
  const ask = async (path: string, init?: RequestInit) =>
    app.fetch(new Request(`http://localhost${path}`, init))
  const post = (path: string, body: Body, headers: Record<string, string> = {}) =>
    ask(path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
      duplex: 'half',
    })
  return { app, ports, ask, post, published, logged, queries }
}
