import type { NewEvent } from '../core/event.ts'
import type { JobDeclaration, JobEvent } from './job.ts'

/** Where the ticks of jobs with a handler go, and who runs them. */
export const JOBS_STREAM = 'millrace:jobs'
export const JOBS_GROUP = 'millrace-jobs'

export const streamOf = ({ run }: JobDeclaration): string =>
  typeof run === 'function' ? JOBS_STREAM : run.stream

/**
 * The event of a tick. It is the same on every instance: the idempotency key writes it once, and its id tells a copy
 * that slipped through, should the key be forgotten. The key of the event keeps the ticks of a job one after the other.
 *
 * @throws whatever a function that makes the data throws
 */
export function tickEvent({ name, run }: JobDeclaration, tick: number): NewEvent {
  const time = new Date(tick).toISOString()
  const id = `${name}@${time}`
  const content =
    typeof run === 'function'
      ? { type: name, data: { tick: time } }
      : { type: run.type, data: dataOf(run, tick) }
  const headers = { source: JOBS_STREAM }
  return { ...content, id, time, key: name, headers, idempotencyKey: `millrace:job:${id}` }
}

const dataOf = ({ data }: JobEvent, tick: number): unknown =>
  typeof data === 'function' ? (data as (tick: Date) => unknown)(new Date(tick)) : data
