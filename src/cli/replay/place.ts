import { comparePositions, isPosition } from '../../core/position.ts'
import type { Place } from '../../core/replay.ts'
import type { RedisStreamLog } from '../../redis/redis-log.ts'
import { CommandError, EXIT } from '../exit.ts'

/** In ms, by the clock of the server: entries get their times from it. */
export const serverNow = ({ server }: RedisStreamLog): number => Date.now() + server.clockSkewMs

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const AGO = /^-(\d{1,9})([smhd])$/
/** Without its zone a date-time would mean another moment on every machine. */
const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/

/**
 * A place in a stream as people say it: a position, an ISO time, or how long ago as in `-90m`.
 *
 * @param flag where it was said, for the message
 * @param now in ms, by the clock of the server
 * @throws CommandError for what is none of these
 */
export function parsePlace(flag: string, text: string, now: number): Place {
  if (text === '0') return '0-0'
  if (isPosition(text)) return text
  const moment = ISO.test(text) ? Date.parse(text) : agoIn(text, now)
  if (moment >= 0) return new Date(moment)
  throw new CommandError(
    `${flag} takes a position such as 1700000000000-0, a time such as 2026-01-28T09:00:00Z, or how long ago such as -2h, not "${text}"`,
    EXIT.usage,
  )
}

/** A moment, which positions can't be in one filter with. */
export function parseMoment(flag: string, text: string, now: number): Date {
  const place = parsePlace(flag, text, now)
  if (place instanceof Date) return place
  throw new CommandError(
    `${flag} takes a time such as 2026-01-28T09:00:00Z, or how long ago such as -2h, not the position "${text}"`,
    EXIT.usage,
  )
}

/** @throws CommandError that names both ends, where the first lies behind the second */
export function checkOrder(from: Place | undefined, to: Place | undefined): void {
  if (from === undefined || to === undefined) return
  if (comparePositions(positionOf(from, '0'), positionOf(to, LAST_SEQUENCE)) <= 0) return
  throw new CommandError(
    `the range is the wrong way round: --from ${shown(from)} comes after --to ${shown(to)}`,
    EXIT.usage,
  )
}

/** A place as the params of a job hold it. */
export const placeText = (place: Place): string => (place instanceof Date ? place.toISOString() : place)

const LAST_SEQUENCE = '18446744073709551615'

const positionOf = (place: Place, sequence: string): string =>
  place instanceof Date ? `${place.getTime()}-${sequence}` : place

const shown = (place: Place): string =>
  place instanceof Date ? place.toISOString() : `${place} (${timeOf(place)})`

function timeOf(position: string): string {
  const time = new Date(Number(position.slice(0, position.indexOf('-'))))
  return Number.isNaN(time.getTime()) ? 'no time' : time.toISOString()
}

function agoIn(text: string, now: number): number {
  const [, count, unit] = AGO.exec(text) ?? []
  return count === undefined ? NaN : now - Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]
}
