/** Longer names are compared by their beginnings: comparing takes time by the square of the length. */
const MOST_COMPARED = 100

/** How many changes, of a letter each, a name may be away from what was meant: never all of its letters. */
const farthest = (name: string): number => Math.min(name.length - 1, Math.max(2, Math.floor(name.length / 3)))

/** The known name that was probably meant, whatever the case of its letters; undefined where none is near. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const wanted = comparable(name)
  let nearest: string | undefined
  let least = farthest(wanted) + 1
  for (const candidate of known) {
    const other = comparable(candidate)
    if (Math.abs(other.length - wanted.length) >= least) continue
    const changes = distance(wanted, other)
    if (changes < least) [nearest, least] = [candidate, changes]
  }
  return nearest
}

const comparable = (name: string): string => name.slice(0, MOST_COMPARED).toUpperCase()

/** Levenshtein's: how many letters must be added, left out or exchanged. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const exchange = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)
      next[j] = Math.min(exchange, row[j]! + 1, next[j - 1]! + 1)
    }
    row = next
  }
  return row[to.length]!
}
