const UNITS: readonly [ms: number, name: string][] = [
  [86_400_000, 'days'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
]

/** A time in ms as people say it: `12 min`. */
export function duration(ms: number): string {
  const unit = UNITS.find(([size]) => ms >= 2 * size)
  return unit ? `${Math.floor(ms / unit[0])} ${unit[1]}` : `${Math.round(ms)} ms`
}

/** `1 entry`, `2 entries`. */
export const entries = (count: number): string => (count === 1 ? '1 entry' : `${count} entries`)

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u007f-\u009f\u2028\u2029]/g

/** A name between quotes, without anything that would move the cursor of a terminal. */
export const named = (name: string): string =>
  JSON.stringify(name).replaceAll(CONTROL, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** Names for people: the first few, and how many more there are. */
export function listed(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).map(named)
  if (names.length > most) return `${shown.join(', ')} and ${names.length - most} more`
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}
