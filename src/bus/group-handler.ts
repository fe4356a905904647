import type { BatchHandler, Handler, Middleware } from '../core/delivery.ts'
import { compose } from '../core/pipeline.ts'
import type { Schemas, StreamDeclaration, TypeOf } from '../core/stream.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'
import { batched } from './batched.ts'
import { dispatch, type DispatchOptions } from './dispatch.ts'
import type { HandlerKey, Handlers } from './handlers.ts'

/** How a group consumes: the options of its worker, and what its deliveries go through. */
export interface GroupOptions
  extends Omit<WorkerOptions, 'stream' | 'handler' | 'batchHandler' | 'batch'>, DispatchOptions {
  /** What every delivery goes through before its handler: the first one sees it first. Whatever decrypts comes early. */
  middleware?: readonly Middleware[]
}

/** A batch takes every type, so none is unhandled. */
export type BatchGroupOptions = Omit<GroupOptions, 'unhandled'> & Pick<WorkerOptions, 'batch'>

/** The one handler of a group, and what is left of its options for the worker. */
export function groupHandler<S extends Schemas, K extends HandlerKey<S> = TypeOf<S> | '*'>(
  stream: StreamDeclaration<S>,
  options: GroupOptions,
  handlers: Handlers<S, K>,
): { handler: Handler; workerOptions: Omit<WorkerOptions, 'stream' | 'handler'> } {
  const { middleware = [], unhandled, ...workerOptions } = options
  const handler = compose(...middleware)(dispatch(stream, handlers, unhandled ? { unhandled } : {}))
  return { handler, workerOptions }
}

/** The same for batches: each delivery goes through middleware and checks, and what arrives makes the batch. */
export function groupBatchHandler(
  stream: StreamDeclaration,
  options: BatchGroupOptions,
  handler: BatchHandler,
): { batchHandler: BatchHandler; workerOptions: Omit<WorkerOptions, 'stream' | 'handler'> } {
  const { middleware = [], ...workerOptions } = options
  const toHandler = (arrive: Handler) => compose(...middleware)(dispatch(stream, { '*': arrive }))
  return { batchHandler: batched(toHandler, handler), workerOptions }
}
