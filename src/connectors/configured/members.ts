/** Members of data by paths such as `user.email`. Own members alone; what is changed is a copy. */

export type Path = readonly string[]

/** What stands where nothing does; `undefined` and `null` are values. */
export const ABSENT = Symbol('absent')

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What stands at a path; a number leads into a list. */
export function valueAt(data: unknown, path: Path): unknown {
  let value = data
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return ABSENT
    value = (value as Record<string, unknown>)[name]
  }
  return value
}

/** Without what stands at a path. */
export function without(data: unknown, [name, ...rest]: Path): unknown {
  if (!isObject(data) || name === undefined || !Object.hasOwn(data, name)) return data
  // Never by assignment: a member named `__proto__` is a member like others.
  return Object.fromEntries(
    Object.entries(data).flatMap(([key, value]) => {
      if (key !== name) return [[key, value]]
      return rest.length === 0 ? [] : [[key, without(value, rest)]]
    }),
  )
}

/** With a value at a path; what stands in its way gives place to an object. */
export function withValue(data: unknown, [name, ...rest]: Path, value: unknown): unknown {
  if (name === undefined) return value
  const entries = new Map(isObject(data) ? Object.entries(data) : [])
  entries.set(name, withValue(entries.get(name), rest, value))
  return Object.fromEntries(entries)
}
