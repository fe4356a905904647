/**
 * Whether a text matches a glob, in which `*` stands for any text and `?` for any one character; all else for itself.
 * Only the last `*` is ever tried anew, so whoever wrote it can't make it take long.
 *
 * @example
 * matchesGlob('user:*', 'user:events') // true
 */
export function matchesGlob(glob: string, text: string): boolean {
  const [pattern, characters] = [[...glob], [...text]]
  let [at, next] = [0, 0]
  let star: { at: number; next: number } | undefined
  while (at < characters.length) {
    if (pattern[next] === '*') star = { at, next: next++ }
    else if (pattern[next] === '?' || (next < pattern.length && pattern[next] === characters[at])) {
      at++
      next++
    } else if (star) [at, next] = [++star.at, star.next + 1]
    else return false
  }
  while (pattern[next] === '*') next++
  return next === pattern.length
}

/** What every text that matches begins with. */
export const literalPrefix = (glob: string): string => /^[^*?]*/.exec(glob)![0]
