/** How many changes, of a letter each, a name may be away from what was meant. */
const farthest = (name: string): number => Math.max(2, Math.floor(name.length / 3))

/** The known name that was probably meant; undefined where none is near. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const upper = name.slice(0, 100).toUpperCase()
  let nearest: string | undefined
  let least = farthest(upper) + 1
  for (const candidate of known) {
    const changes = distance(upper, candidate)
    if (changes < least) [nearest, least] = [candidate, changes]
  }
  return nearest
}

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
