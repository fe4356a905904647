import { z } from '@hono/zod-openapi'
import { MillraceError } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import { comparePositions, isEntryId } from '../../core/position.ts'
import type { Place } from '../../core/replay.ts'

/** What is said in a path, a query or a body, wherever it is said. */

/** A name that the core allows, with the core's own words where it does not. */
export const nameOf = (what: string, example: string) =>
  z
    .string()
    .superRefine((text, context) => {
      try {
        checkName(what, text)
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error
        context.addIssue({ code: 'custom', message: error.message, params: { code: error.code } })
      }
    })
    .openapi({ example })

export const position = z
  .string()
  // It ends there, or a union with other words would tell of the id alone.
  .refine(isEntryId, { error: 'must be the id of an entry, such as 1700000000000-0', abort: true })
  .openapi({ example: '1700000000000-0' })

/** A position, or an ISO time: the first entry of it or after it. */
export const place = z
  .string()
  .refine(
    (text) => placeOf(text) !== undefined,
    'must be an entry id such as 1700000000000-0, or an ISO time',
  )
  .transform((text) => placeOf(text)!)
  .openapi({ type: 'string', example: '2026-01-28T10:00:00Z' })

const isoTime = z.iso.datetime({ offset: true })

function placeOf(text: string): Place | undefined {
  if (isEntryId(text)) return text
  if (!isoTime.safeParse(text).success) return undefined
  const time = new Date(text)
  return time.getTime() >= 0 ? time : undefined
}

export const moment = isoTime
  .transform((text) => new Date(text))
  .openapi({ type: 'string', example: '2026-01-28T10:00:00Z' })

/** Refuses a range whose end comes before its beginning. Positions and moments are not compared with each other. */
export function inOrder({ from, to }: { from?: Place | undefined; to?: Place | undefined }): boolean {
  if (from instanceof Date && to instanceof Date) return from <= to
  if (typeof from === 'string' && typeof to === 'string') return comparePositions(from, to) <= 0
  if (from === undefined || to === undefined) return true
  return millisecondsOf(from) <= millisecondsOf(to)
}

const millisecondsOf = (one: Place): number =>
  one instanceof Date ? one.getTime() : Number.parseInt(one, 10)

export const WRONG_WAY_ROUND = { path: ['from'], message: 'must not come after `to`' }

/** A whole number in a query, where everything is text. */
export const count = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))
    .openapi({ type: 'integer', minimum: min, maximum: max })

/** How many, in a query: as a number wherever it is left out. */
export const limit = (max: number, standard: number) =>
  count(1, max).default(standard).openapi({ type: 'integer', minimum: 1, maximum: max, default: standard })

export const after = z.string().min(1).max(300).openapi({ description: '`next` of the page before' })
export const order = z.enum(['newest', 'oldest']).default('newest')

export const streamPath = z.object({ stream: nameOf('stream name', 'user:events') })
export const groupPath = streamPath.extend({ group: nameOf('group name', 'mailer') })

/** Without what was left out, as options are where `undefined` means something else. */
export function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> }
}
