import { RetryLater, type Delivery, type Handler } from '../core/delivery.ts'
import type { Schema } from '../core/schema.ts'
import { stream, type StreamDeclaration } from '../core/stream.ts'
import type { JobDeclaration, Tick } from './job.ts'
import { skipOverlap } from './overlap.ts'
import { JOBS_GROUP, JOBS_STREAM } from './tick-event.ts'
import { refuseTwice } from './unique-names.ts'

/** What a worker needs to run the jobs that have a handler. */
export interface JobGroup {
  readonly stream: StreamDeclaration
  readonly group: string
  readonly handler: Handler
}

/** How long a tick waits for an instance that knows its job, per attempt. */
const UNKNOWN_JOB_RETRY_MS = 10_000

/**
 * The group that runs the jobs with a handler; undefined where there are none. Its ticks carry the job's name as key, so
 * within a process those of one job run one after the other. Across processes they do in a group that keeps the order
 * of keys; in any other, a tick can start on one instance while the one before it still runs on another.
 *
 * @throws MillraceError `CONFIGURATION_INVALID` when two jobs have one name
 */
export function jobGroup(jobs: readonly JobDeclaration[]): JobGroup | undefined {
  refuseTwice(jobs)
  const handlers = new Map<string, Handler<Tick>>()
  for (const { name, run, overlap } of jobs)
    if (typeof run === 'function') handlers.set(name, overlap === 'skip' ? skipOverlap(run) : run)
  if (handlers.size === 0) return undefined
  const schemas = Object.fromEntries([...handlers.keys()].map((name) => [name, tickSchema]))
  return { stream: stream(JOBS_STREAM, schemas), group: JOBS_GROUP, handler: dispatch(handlers) }
}

const dispatch =
  (handlers: ReadonlyMap<string, Handler<Tick>>): Handler =>
  (delivery) => {
    const handler = handlers.get(delivery.event.type)
    if (handler) return handler(delivery as Delivery<Tick>)
    // Perhaps another instance is of a newer version. Acknowledged here, the tick would be lost to it.
    const reason = `this instance declares no job "${delivery.event.type}"`
    throw new RetryLater(UNKNOWN_JOB_RETRY_MS, reason)
  }

const tickSchema: Schema<Tick> = {
  '~standard': {
    version: 1,
    vendor: 'millrace',
    validate: (value) => {
      const tick = (value as Partial<Tick> | null)?.tick
      if (typeof tick === 'string') return { value: value as Tick }
      return { issues: [{ path: ['tick'], message: 'must be the time of the tick' }] }
    },
  },
}
