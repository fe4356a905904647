import type { JobDeclaration } from './job.ts'

export interface DueTicks {
  /** To be published, in order. */
  readonly ticks: readonly number[]
  /** The first of those that are too late and are left out, if there are any. */
  readonly missed?: number
}

/**
 * The ticks of a job after `since`, up to `now`: all of those that are not too late, or, where all are and the job
 * catches up, the last one.
 */
export function dueTicks(
  { timetable, graceMs, catchUp }: JobDeclaration,
  since: number,
  now: number,
): DueTicks {
  const first = timetable.next(since)
  if (first === undefined || first > now) return { ticks: [] }
  const ticks: number[] = []
  const from = Math.max(since, now - graceMs - 1)
  for (let tick = timetable.next(from); tick !== undefined && tick <= now; tick = timetable.next(tick))
    ticks.push(tick)
  const last = timetable.last(now)
  if (ticks.length === 0 && catchUp === 'last' && last !== undefined) ticks.push(last)
  return first < (ticks[0] ?? Infinity) ? { ticks, missed: first } : { ticks }
}
