import { randomUUID } from 'node:crypto'
import type { App } from '../../app/app.ts'
import type { AppContext, AppRuntime, AppTransaction } from '../../core/app-context.ts'
import { MillraceError } from '../../core/errors.ts'
import type { StreamDeclaration } from '../../core/stream.ts'
import type { KeyRing } from '../../middleware/key-ring.ts'
import type { Postgres } from '../../postgres/open-postgres.ts'
import type { Transaction } from '../../postgres/transaction.ts'
import type { RedisStreamLog } from '../../redis/redis-log.ts'
import type { AppRoutes, ServerPorts } from '../../server/ports.ts'
import { answerSeal } from './app-answers.ts'
import { reachableDatabase } from './app-database.ts'
import { AppRequests } from './app-requests.ts'
import type { RedisCircuit } from './circuit.ts'
import type { EventIntake } from './intake.ts'
import type { ServiceOptions } from './options.ts'
import type { Pulse } from './pulse.ts'
import { processedEvents } from './processed-events.ts'
import { RpcRoles } from './rpc-roles.ts'

export interface AppHostParts {
  intake: EventIntake
  circuit: RedisCircuit
  /** Undefined before it is open, as PostgreSQL. */
  log: () => RedisStreamLog | undefined
  postgres: () => Postgres | undefined
  databasePulse: Pick<Pulse, 'check'>
  /** For what is kept of answers; without it they are kept as they are. */
  ring: KeyRing | undefined
  stopping: AbortSignal
}

/** What runs the routes and groups of an app: they see no more of the service than the context. */
export class AppHost {
  /** What the HTTP API needs of it. */
  readonly ports: Pick<ServerPorts, 'app' | 'processedEvents' | 'streams'>
  readonly rpc: RpcRoles
  readonly #context: AppContext

  constructor(options: ServiceOptions, parts: AppHostParts) {
    const { intake, circuit, log, postgres, databasePulse, ring, stopping } = parts
    const { app, logger } = options
    this.rpc = new RpcRoles(options, { log, circuit, context: () => this.#context, stopping })
    const database = reachableDatabase(options, postgres, databasePulse)
    const context: AppContext = {
      publish: (stream, type, data, options) =>
        intake.publishOne(stream as StreamDeclaration, { ...options, type, data }),
      transaction: async (work, options) => {
        const opened = database()
        return opened.transaction((tx) => work(lent(opened, tx)), options)
      },
      // What was committed must not look like a failure because the database went away since.
      published: async (eventId, withinMs) => (await postgres()?.published(eventId, withinMs)) ?? null,
      query: async (text, values) => database().query(text, values),
      request: (contract, data, options) => this.rpc.request(contract, data, options),
      events: processedEvents(database),
      log: logger.for('app'),
      signal: stopping,
    }
    this.#context = context
    const requests = new AppRequests({
      service: options.config.service.name,
      memory: () => connected(log)().requests(),
      circuit,
      context,
      seal: answerSeal(ring),
    })
    const answer: AppRoutes['answer'] = async (route, requestAs, repeatable) =>
      route.idempotent
        ? requests.answer(repeatable, async (id, known) => route.handle(requestAs(id), known))
        : route.handle(requestAs(randomUUID()), context)
    this.ports = {
      app: { routes: app.routes, stopping, answer },
      processedEvents: context.events,
      streams: { declared: declaredStreams(app), log: connected(log), stopping },
    }
  }

  /** What groups are bound to. The inbox waits for a database that is away, so it is not asked whether it is there. */
  runtime(postgres: Postgres): AppRuntime {
    return {
      context: this.#context,
      once: (handle) => postgres.inbox.handler((delivery, tx) => handle(delivery, lent(postgres, tx))),
    }
  }
}

const lent = ({ outbox }: Postgres, tx: Transaction): AppTransaction => ({
  query: (text, values) => tx.query(text, values),
  publish: async (stream, type, data, options) => {
    const [eventId] = await outbox.add(tx, stream, [{ ...options, type, data }])
    if (eventId !== undefined) return eventId
    throw new MillraceError('EVENT_FILTERED', 'middleware took the event out, so it will not be published')
  },
})

/** Each stream that a part of the app names, with the types that are declared of it. */
function declaredStreams({ streams, handlers }: App): { name: string; eventTypes: string[] }[] {
  const declared = streams.map(({ name, schemas }) => [name, Object.keys(schemas)] as const)
  const consumed = handlers.map(({ stream }) => [stream, [] as string[]] as const)
  return [...new Map([...consumed, ...declared])].map(([name, eventTypes]) => ({ name, eventTypes }))
}

const connected = (log: () => RedisStreamLog | undefined) => (): RedisStreamLog => {
  const opened = log()
  if (opened) return opened
  throw new MillraceError('REDIS_UNAVAILABLE', 'the service has no connection to Redis yet; try again soon')
}
