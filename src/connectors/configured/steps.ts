import { z } from 'zod'
import type { Middleware } from '../../core/delivery.ts'
import type { PublishMiddleware } from '../../core/pipeline.ts'
import { MASK } from '../../core/redact.ts'
import { changeEvent, withEvent, type EventChanges } from '../../core/with-event.ts'
import { parsePaths, replaceAt } from '../../middleware/paths.ts'
import { condition, path, type Judged } from './conditions.ts'
import { ABSENT, valueAt, without, withValue, type Path } from './members.ts'
import { checked } from './words.ts'

/** What becomes of an event: it goes on as it is (true), changed, or not at all (false). */
export type Step = (event: Judged) => boolean | EventChanges

const redacted = z
  .string()
  .superRefine((path, context) => void checked(context, () => parsePaths([path]), false))

const redact = z
  .array(redacted)
  .min(1)
  .transform((paths): Step => {
    const tree = parsePaths(paths)
    return ({ data }) => ({ data: replaceAt(data, tree, () => MASK) })
  })

const paths = z.array(path).min(1)
/** By paths; a record of zod would lose the name `__proto__`, which no path needs. */
const byPath = <T extends z.ZodType>(value: T) =>
  z.record(z.string(), value).transform((record, context) =>
    Object.entries(record).map(([name, value]) => {
      const { data = [], error } = path.safeParse(name)
      for (const { message } of error?.issues ?? [])
        context.addIssue({ code: 'custom', path: [name], message })
      return [data, value] as const
    }),
  )

type Change = (data: unknown) => unknown

/** Takes `pick`, `drop`, `rename`, `set` in this order; data that is no object has no members to change. */
const map = z
  .strictObject({
    pick: paths.exactOptional(),
    drop: paths.exactOptional(),
    rename: byPath(path).exactOptional(),
    set: byPath(z.json()).exactOptional(),
    type: z.string().min(1).exactOptional(),
  })
  .refine((one) => Object.keys(one).length > 0, 'needs one of pick, drop, rename, set, type')
  .transform(({ pick, drop = [], rename = [], set = [], type }): Step => {
    const changes: Change[] = [
      ...(pick ? [(data: unknown) => picked(data, pick)] : []),
      ...drop.map((path) => (data: unknown) => without(data, path)),
      ...rename.map(
        ([from, to]) =>
          (data: unknown) =>
            renamed(data, from, to),
      ),
      ...set.map(
        ([path, value]) =>
          (data: unknown) =>
            withValue(data, path, value),
      ),
    ]
    return ({ data }) => ({
      ...(type !== undefined && { type }),
      ...(changes.length > 0 &&
        hasMembers(data) && { data: changes.reduce((now, change) => change(now), data) }),
    })
  })

const hasMembers = (data: unknown): boolean =>
  typeof data === 'object' && data !== null && !Array.isArray(data)

function picked(data: unknown, paths: readonly Path[]): unknown {
  let result: unknown = {}
  for (const path of paths) {
    const value = valueAt(data, path)
    if (value !== ABSENT) result = withValue(result, path, value)
  }
  return result
}

function renamed(data: unknown, from: Path, to: Path): unknown {
  const value = valueAt(data, from)
  return value === ABSENT ? data : withValue(without(data, from), to, value)
}

/** One thing that an event goes through: an object with one name. */
export const step = z
  .strictObject({
    filter: condition.exactOptional(),
    redact: redact.exactOptional(),
    map: map.exactOptional(),
  })
  .refine((one) => Object.keys(one).length === 1, 'must have one of filter, redact, map')
  .transform(({ filter, redact, map }): Step => (filter ?? redact ?? map)!)

/** On the way out of a stream. */
export const asMiddleware =
  (step: Step): Middleware =>
  (next) =>
  (delivery) => {
    const answer = step(delivery.event)
    if (answer === false) return undefined
    return next(answer === true ? delivery : withEvent(delivery, changeEvent(delivery.event, answer)))
  }

/** On the way into one. */
export const asPublishMiddleware =
  (step: Step): PublishMiddleware =>
  (event) => {
    const answer = step({ ...event, headers: event.headers ?? {} })
    if (answer === false) return undefined
    return answer === true ? event : { ...event, ...answer }
  }
