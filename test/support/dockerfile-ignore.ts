/** Which files of a folder an engine would be sent, by its .dockerignore: the last line that speaks of a file decides. */
export function contextFilter(ignoreFile: string): (path: string) => boolean {
  const rules = ignoreFile
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ sent: line.startsWith('!'), pattern: patternOf(line.replace(/^!/, '')) }))
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.sent ?? true
}

/** A line speaks of what it names and of all below it. */
function patternOf(line: string): RegExp {
  if (/[[\]\\?]/.test(line)) throw new Error(`nobody knows what this line of .dockerignore means: ${line}`)
  const source = line
    .replace(/[.+^${}()|]/g, '\\$&')
    .replace(/\*\*\/|\*/g, (star) => (star === '*' ? '[^/]*' : '(?:.*/)?'))
  return new RegExp(`^${source}(?:/.*)?$`)
}
