import { Cron } from 'croner'
import { InvalidError, toError, type Issue } from '../core/errors.ts'

/** A cron pattern, or a period in ms whose ticks are its multiples since 1970, so that all instances agree on them. */
export type Schedule = string | { everyMs: number }

/** When a job has to run, in ms since 1970. */
export interface Timetable {
  /** The first tick after `time`; undefined when there is none any more. */
  next(time: number): number | undefined
  /** The last tick at or before `time`; undefined when there was none yet. */
  last(time: number): number | undefined
}

const MIN_PERIOD_MS = 50
const FIELDS = ['second', 'minute', 'hour', 'day', 'month', 'weekday', 'year']
const NICKNAME = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/i

/**
 * Reads a schedule. A pattern has the fields minute, hour, day, month and weekday, with one for seconds before them
 * and one for years after them if wanted; or it is `@hourly`, `@daily`, `@weekly`, `@monthly` or `@yearly`.
 *
 * Where clocks change: a job of one fixed time of day (`30 2 * * *`) runs once on each day, right after the gap when
 * its time is left out, and the first time when its time comes twice. Any other runs whenever its pattern holds.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with each field at fault
 */
export function timetable(schedule: Schedule, timezone = 'UTC'): Timetable {
  if (typeof schedule === 'string') return cronTimetable(schedule.trim(), timezone)
  const every = schedule?.everyMs
  if (!Number.isInteger(every) || every < MIN_PERIOD_MS || every > Number.MAX_SAFE_INTEGER) {
    const message = `must be a whole number of ms from ${MIN_PERIOD_MS} on, not ${String(every)}`
    throw impossible([{ path: 'schedule.everyMs', message }])
  }
  return {
    next: (time) => (Math.floor(time / every) + 1) * every,
    last: (time) => Math.floor(time / every) * every,
  }
}

function cronTimetable(pattern: string, timezone: string): Timetable {
  const issues = [...patternIssues(pattern), ...timezoneIssues(timezone)]
  if (issues.length > 0) throw impossible(issues)
  const cron = parse(pattern, timezone)
  if (!cron.nextRun(new Date(0)))
    throw impossible([{ path: 'schedule', message: `"${pattern}" names a time that never comes` }])
  return {
    next: (time) => cron.nextRun(new Date(time))?.getTime(),
    // What it calls previous may lie earlier in the second of the reference, so a tick itself counts as past.
    last: (time) => cron.previousRuns(1, new Date(Math.floor(time / 1_000) * 1_000 + 1))[0]?.getTime(),
  }
}

/** Never started: nothing but the arithmetic is used. */
const parse = (pattern: string, timezone: string): Cron => new Cron(pattern, { paused: true, timezone })

/** Tries each field by itself, since what the parser says about the whole does not always name the place. */
function patternIssues(pattern: string): Issue[] {
  if (NICKNAME.test(pattern)) return []
  const parts = pattern.split(/\s+/)
  if (parts.length < 5 || parts.length > 7) {
    const message = `"${pattern}" must have 5 to 7 fields, such as "0 3 * * *" for 03:00 each day`
    return [{ path: 'schedule', message }]
  }
  const names = parts.length === 5 ? FIELDS.slice(1, 6) : FIELDS
  return parts.flatMap((part, index) => {
    const fault = fieldFault(parts, index)
    const path = `schedule.${names[index]}`
    return fault ? [{ path, message: `field ${index + 1}, "${part}": ${fault}` }] : []
  })
}

function fieldFault(parts: readonly string[], index: number): string | undefined {
  const part = parts[index]!
  if (part.includes('?')) return 'would mean the moment of the start, which differs between instances; use *'
  try {
    parse(parts.map((_, other) => (other === index ? part : '*')).join(' '), 'UTC')
    return undefined
  } catch (error) {
    return toError(error).message.replace(/^CronPattern: /, '')
  }
}

function timezoneIssues(timezone: string): Issue[] {
  const message = `must be the name of a time zone, such as Europe/Berlin, not "${String(timezone)}"`
  const issues = [{ path: 'timezone', message }]
  // Without a name the parser would take the zone of the machine, which differs between instances.
  if (typeof timezone !== 'string' || timezone === '') return issues
  try {
    parse('* * * * *', timezone).nextRun()
    return []
  } catch {
    return issues
  }
}

const impossible = (issues: readonly Issue[]) =>
  new InvalidError('CONFIGURATION_INVALID', 'the schedule is impossible', issues)
