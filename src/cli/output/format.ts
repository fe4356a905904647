const counts = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const rates = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 })

/** What there is no number for. */
const NONE = '-'

/** Such as `1,234,567`; `unknown` where nobody can tell, and a dash for what is not there. */
export const formatCount = (count: number | 'unknown' | undefined): string =>
  count === undefined ? NONE : count === 'unknown' ? 'unknown' : counts.format(count)

export const formatRate = (perSecond: number | undefined): string =>
  perSecond === undefined ? NONE : `${rates.format(perSecond)}/s`

const UNITS: readonly [name: string, ms: number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
]

/** The two largest units of a length of time, such as `3m 12s`; under a second, `250ms`. */
export function formatAge(ms: number | undefined): string {
  if (ms === undefined) return NONE
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`
  const at = UNITS.findIndex(([, size]) => ms >= size)
  const [[name, size], next] = [UNITS[at]!, UNITS[at + 1]]
  const large = `${Math.floor(ms / size)}${name}`
  const rest = next && Math.floor((ms % size) / next[1])
  return rest ? `${large} ${rest}${next[0]}` : large
}

/** `1 entry`, `2 entries`, `1,000 groups`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
