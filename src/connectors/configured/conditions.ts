import { z } from 'zod'
import type { Event } from '../../core/event.ts'
import { Router } from '../../core/router.ts'
import { ABSENT, valueAt } from './members.ts'
import { checked } from './words.ts'

export const path = z
  .string()
  .regex(/^[^.]+(\.[^.]+){0,99}$/, 'must be a path such as "user.email"')
  .transform((text) => text.split('.'))

const scalar = z.union(
  [z.string(), z.number(), z.boolean(), z.null()],
  'must be a text, a number, true, false or null',
)

/** What is known of an event when it is judged: on its way out of a stream, and on its way in. */
export type Judged = Pick<Event, 'type' | 'data' | 'headers'>
type Test = (event: Judged) => boolean

const TESTS = {
  equals: scalar.exactOptional(),
  in: z.array(scalar).min(1).exactOptional(),
  exists: z.boolean().exactOptional(),
  atLeast: z.number().exactOptional(),
  below: z.number().exactOptional(),
}

const where = z
  .strictObject({ path, ...TESTS })
  .refine((one) => Object.keys(one).length > 1, `needs one of ${Object.keys(TESTS).join(', ')}`)
  .transform(({ path, ...tests }): Test => {
    const { equals, in: list, exists, atLeast, below } = tests
    return ({ data }) => {
      const value = valueAt(data, path)
      if (exists !== undefined && (value !== ABSENT) !== exists) return false
      if (equals !== undefined && value !== equals) return false
      if (list && !list.includes(value as never)) return false
      if (atLeast !== undefined && !(typeof value === 'number' && value >= atLeast)) return false
      return below === undefined || (typeof value === 'number' && value < below)
    }
  })

const types = z
  .array(z.string())
  .min(1)
  .transform((patterns, context): Test =>
    checked(context, () => {
      const router = new Router(patterns.map((pattern) => [pattern, true] as const))
      return ({ type }) => router.find(type) === true
    }),
  )

/** Values by names; one that may be any of several is a list. */
const headers = z
  .record(z.string(), z.union([z.string(), z.array(z.string()).min(1)], 'must be a text, or a list of them'))
  .transform((wanted): Test => {
    const entries = Object.entries(wanted).map(([name, values]) => [name, [values].flat()] as const)
    return ({ headers }) =>
      entries.every(([name, values]) => Object.hasOwn(headers, name) && values.includes(headers[name]!))
  })

/** Which events go on: those for which everything holds that is said. */
export const condition = z
  .strictObject({
    types: types.exactOptional(),
    headers: headers.exactOptional(),
    where: z.preprocess((one) => [one].flat(), z.array(where).min(1)).exactOptional(),
  })
  .refine((one) => Object.keys(one).length > 0, 'needs one of types, headers, where')
  .transform(({ types, headers, where = [] }): Test => {
    const tests = [types, headers, ...where].filter((test) => test !== undefined)
    return (event) => tests.every((test) => test(event))
  })
