/** One value of a letter's data that an edit changed; `undefined` where there was, or is, none. */
export interface DataChange {
  /** As in `user.email` or `items[2]`; empty for the data as a whole. */
  readonly path: string
  readonly from: unknown
  readonly to: unknown
}

/** What differs between two values of JSON, member by member, in the order in which it stands there. */
export function changesOf(from: unknown, to: unknown, path = ''): DataChange[] {
  if (!isHolder(from) || !isHolder(to) || Array.isArray(from) !== Array.isArray(to))
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, from, to }]
  const names = new Set([...Object.keys(from), ...Object.keys(to)])
  return [...names].flatMap((name) =>
    changesOf(member(from, name), member(to, name), pathTo(path, name, Array.isArray(from))),
  )
}

/** Such as `user.email: "ada@exampel.com" -> "ada@example.com"`. */
export function toLine({ path, from, to }: DataChange): string {
  const shown = (value: unknown) => (value === undefined ? '(nothing)' : JSON.stringify(value))
  return `${path === '' ? 'data' : path}: ${shown(from)} -> ${shown(to)}`
}

type Holder = Readonly<Record<string, unknown>>

const isHolder = (value: unknown): value is Holder => typeof value === 'object' && value !== null

const member = (holder: Holder, name: string): unknown =>
  Object.hasOwn(holder, name) ? holder[name] : undefined

function pathTo(path: string, name: string, inArray: boolean): string {
  if (inArray) return `${path}[${name}]`
  return path === '' ? name : `${path}.${name}`
}
