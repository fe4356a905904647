/** What a shell takes as it is. */
const PLAIN = /^[\w@%+=:,./-]+$/
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/**
 * A word as a shell reads it. Names are whatever somebody wrote into Redis: none may end the word, or move the cursor of
 * the terminal that shows it.
 */
export function quote(word: string): string {
  if (PLAIN.test(word)) return word
  if (word.search(CONTROL) < 0) return `'${word.replaceAll("'", `'\\''`)}'`
  const escaped = word.replaceAll(/[\\']/g, '\\$&')
  return `$'${escaped.replaceAll(CONTROL, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)}'`
}

/**
 * A command of `millrace`. Options stand behind the names, unless a name could be taken for one.
 *
 * @example
 * command('group reset', ['user:events', 'mailer'], { to: 'start' }) // millrace group reset user:events mailer --to start
 */
export function command(
  verb: string,
  names: readonly string[],
  options: Readonly<Record<string, string | true>> = {},
): string {
  const given = Object.entries(options).map(([name, value]) => {
    if (value === true) return `--${name}`
    return value.startsWith('-') ? `--${name}=${quote(value)}` : `--${name} ${quote(value)}`
  })
  const quoted = names.map(quote)
  const isOption = names.some((name) => name.startsWith('-'))
  const rest = isOption ? [...given, '--', ...quoted] : [...quoted, ...given]
  return ['millrace', verb, ...rest].join(' ')
}
