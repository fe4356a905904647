import { dispatch, type Handlers } from '../bus/dispatch.ts'
import type { Handler } from '../core/delivery.ts'
import { MillraceError } from '../core/errors.ts'
import type { Schemas, StreamDeclaration } from '../core/stream.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'

/** A group of an app: which stream it consumes, how, and with what. */
export interface GroupDeclaration {
  readonly stream: string
  readonly options: GroupOptions
  readonly handler: Handler
}

export type GroupOptions = Pick<
  WorkerOptions,
  'group' | 'start' | 'concurrency' | 'maxHeld' | 'retry' | 'deadAfterMs' | 'minIdleMs'
>

/** What the service does: the streams it knows and the groups it runs. */
export interface App {
  readonly streams: readonly StreamDeclaration[]
  /** The first group of a stream is its main one: it decides when the audit trail calls an entry processed. */
  readonly handlers: readonly GroupDeclaration[]
}

/**
 * Declares a group with typed handlers.
 *
 * @example
 * const mailer = handle(users, { group: 'mailer' }, { 'user.created': async ({ event }) => send(event.data.email) })
 */
export function handle<S extends Schemas>(
  stream: StreamDeclaration<S>,
  options: GroupOptions,
  handlers: Handlers<S>,
): GroupDeclaration {
  return { stream: stream.name, options, handler: dispatch(stream, handlers) }
}

/**
 * Declares an app module, for `millrace serve` to run.
 *
 * @throws MillraceError `CONFIGURATION_INVALID` when one stream or group is declared twice
 */
export function defineApp(app: Partial<App>): App {
  const { streams = [], handlers = [] } = app
  refuseTwice(
    'stream',
    streams.map(({ name }) => quote(name)),
  )
  refuseTwice(
    'group',
    handlers.map(({ stream, options: { group } }) => `${quote(group)} on ${quote(stream)}`),
  )
  return { streams, handlers }
}

/** Unambiguous, whatever a name contains. */
const quote = (name: string) => JSON.stringify(name)

function refuseTwice(what: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new MillraceError('CONFIGURATION_INVALID', `the app declares the ${what} ${twice} twice`)
}
