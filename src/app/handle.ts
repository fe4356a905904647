import {
  groupBatchHandler,
  groupHandler,
  type BatchGroupOptions as BusBatchGroupOptions,
  type GroupOptions as BusGroupOptions,
} from '../bus/group-handler.ts'
import type { HandlerKey, Handlers } from '../bus/handlers.ts'
import type { AppContext, AppRuntime, AppTransaction, GroupRun } from '../core/app-context.ts'
import type { Delivery, Handler } from '../core/delivery.ts'
import { checkFunctions } from '../core/pipeline.ts'
import type { Schemas, StreamDeclaration, TypeOf } from '../core/stream.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'

/** A group of an app: which stream it consumes, how, and with what. */
export interface GroupDeclaration {
  readonly stream: string
  readonly options: Omit<WorkerOptions, 'stream' | 'handler' | 'batchHandler'>
  /** What runs, once there is a service to run it. */
  readonly bind: (runtime: AppRuntime) => GroupRun
}

/** The service gives each consumer its name, its log and its audit trail. */
export type GroupOptions = Omit<BusGroupOptions, OfTheService>
export type BatchGroupOptions = Omit<BusBatchGroupOptions, OfTheService>
type OfTheService = 'consumer' | 'audit' | 'log'

/** A handler per type, pattern or `*`, as on the bus, that gets more than its delivery. */
export type AppHandlers<S extends Schemas, K extends HandlerKey<S>, More extends readonly unknown[]> = {
  readonly [P in K]?: (
    delivery: Parameters<NonNullable<Handlers<S, P>[P]>>[0],
    ...more: More
  ) => Promise<void> | void
}

/**
 * Declares a group with typed handlers, which get the context of the app beside their delivery.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` for handlers that are no functions, wrong patterns and wrong options
 * @example
 * const mailer = handle(users, { group: 'mailer' }, {
 *   'user.created': async ({ event }, { publish }) => {
 *     await send(event.data.email)
 *     await publish(mails, 'mail.sent', { to: event.data.email })
 *   },
 * })
 */
export function handle<S extends Schemas, K extends HandlerKey<S> = TypeOf<S> | '*'>(
  stream: StreamDeclaration<S>,
  options: GroupOptions,
  handlers: AppHandlers<S, K, [context: AppContext]>,
): GroupDeclaration {
  return declare(
    stream,
    options,
    handlers,
    ({ context }) =>
      (run) =>
      (delivery) =>
        run(delivery, context),
  )
}

/**
 * Declares a group whose effects happen once: each handler runs in a transaction, and what it changes and publishes
 * through `tx` commits together with the fact that the entry was processed. Whatever crashes, an entry is committed once
 * per group; see `Inbox` for what that rests on. What a handler does besides `tx` can happen more than once.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` as `handle`
 * @example
 * const ledger = handleOnce(orders, { group: 'ledger' }, {
 *   'order.paid': async ({ event }, tx) => {
 *     await tx.query('UPDATE accounts SET balance = balance + $1 WHERE id = $2', [event.data.sum, event.key])
 *     await tx.publish(accounts, 'account.changed', { by: event.data.sum }, { key: event.key! })
 *   },
 * })
 */
export function handleOnce<S extends Schemas, K extends HandlerKey<S> = TypeOf<S> | '*'>(
  stream: StreamDeclaration<S>,
  options: GroupOptions,
  handlers: AppHandlers<S, K, [tx: AppTransaction, context: AppContext]>,
): GroupDeclaration {
  return declare(
    stream,
    options,
    handlers,
    ({ once, context }) =>
      (run) =>
        once((delivery, tx) => run(delivery, tx, context)),
  )
}

/**
 * Declares a group whose handler gets many events at once, of all types. A batch that fails is run again one by one, so
 * that one bad event fails alone; what it did before it threw is then done again.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` for a handler that is no function
 * @example
 * const archive = handleBatch(logs, { group: 'archive', batch: { size: 500, waitMs: 50 } }, async (deliveries) => {
 *   await store(deliveries.map(({ event }) => event.data))
 * })
 */
export function handleBatch(
  stream: StreamDeclaration,
  options: BatchGroupOptions,
  handler: (deliveries: readonly Delivery[], context: AppContext) => Promise<void> | void,
): GroupDeclaration {
  checkFunctions('handlers', { batch: handler })
  const made = (context?: AppContext) =>
    groupBatchHandler(stream, options, (deliveries) => handler(deliveries, context!))
  return {
    stream: stream.name,
    options: made().workerOptions,
    bind: ({ context }) => ({ batchHandler: made(context).batchHandler }),
  }
}

type AnyHandler = (delivery: Delivery, ...more: unknown[]) => Promise<void> | void

/** Made once now, so that what is wrong is told where it is declared; and again with what the handlers get. */
function declare(
  stream: object,
  options: GroupOptions,
  handlers: object,
  binder: (runtime: AppRuntime) => (run: AnyHandler) => Handler,
): GroupDeclaration {
  const declaration = stream as StreamDeclaration
  const made = (all: object) => groupHandler(declaration, options, all as Record<string, Handler>)
  return {
    stream: declaration.name,
    options: made(handlers).workerOptions,
    bind: (runtime) => {
      const bound = binder(runtime)
      const given = Object.entries(handlers).filter(([, run]) => run !== undefined)
      return { handler: made(Object.fromEntries(given.map(([key, run]) => [key, bound(run)]))).handler }
    },
  }
}
