import type { GroupLook, Look } from './look.ts'

export const SORTS = ['lag', 'pending', 'in', 'out', 'name'] as const
export type Sort = (typeof SORTS)[number]

/** A group, and what moved since the look before. */
export interface TopRow extends GroupLook {
  /** Entries a second that came into the stream, and that the group settled; absent where that can't be told. */
  readonly inPerSecond?: number
  readonly outPerSecond?: number
}

/** @param before the look before, or undefined: then nothing moved yet that could be told */
export function rowsOf(before: Look | undefined, now: Look): TopRow[] {
  const earlier = new Map(before?.groups.map((one) => [nameOf(one), one]))
  const seconds = before ? (now.at - before.at) / 1_000 : 0
  return now.groups.map((group) => {
    const past = earlier.get(nameOf(group))
    const inPerSecond = rate(past?.added, group.added, seconds)
    const outPerSecond = rate(past && settled(past), settled(group), seconds)
    return {
      ...group,
      ...(inPerSecond !== undefined && { inPerSecond }),
      ...(outPerSecond !== undefined && { outPerSecond }),
    }
  })
}

/** What nobody knows may be the worst. */
export function sorted(rows: readonly TopRow[], by: Sort): TopRow[] {
  const size = SIZES[by]
  return rows.toSorted((a, b) => {
    const [first, second] = [size(a), size(b)]
    return first === second ? compareText(nameOf(a), nameOf(b)) : second - first
  })
}

const SIZES: Readonly<Record<Sort, (row: TopRow) => number>> = {
  lag: ({ lag }) => (lag === 'unknown' ? Infinity : lag),
  pending: ({ pending }) => pending,
  in: ({ inPerSecond = -1 }) => inPerSecond,
  out: ({ outPerSecond = -1 }) => outPerSecond,
  name: () => 0,
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Streams can't have that character between, since no name has control characters that Millrace takes. */
const nameOf = ({ stream, group }: GroupLook): string => `${stream}\u0000${group}`

const settled = ({ read, pending }: GroupLook): number | undefined =>
  read === undefined ? undefined : read - pending

/** Undefined also when it went back, as it does when a group is reset or a stream is written anew. */
function rate(before: number | undefined, now: number | undefined, seconds: number): number | undefined {
  if (before === undefined || now === undefined || seconds <= 0 || now < before) return undefined
  return (now - before) / seconds
}
