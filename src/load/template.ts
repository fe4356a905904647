import { randomUUID } from 'node:crypto'
import { InvalidError, toError, type Issue } from '../core/errors.ts'
import { nearestName } from '../core/nearest.ts'

type Part = (n: number) => string
/** Reads the words behind the name of a placeholder; throws what is wrong with them. */
type Placeholder = (words: readonly string[]) => Part

const PLACEHOLDERS: Readonly<Record<string, Placeholder>> = {
  n: (words) => {
    none('n', words)
    return String
  },
  uuid: (words) => {
    none('uuid', words)
    return () => randomUUID()
  },
  now: (words) => {
    none('now', words)
    return () => new Date().toISOString()
  },
  random: readRandom,
  pick: (words) => {
    if (words.length === 0) throw new Error('pick wants words to pick from, such as {{pick red green}}')
    return () => words[Math.floor(Math.random() * words.length)]!
  },
}

const MARK = /\{\{(.*?)(\}\}|$)/gs
/** A word, or several in double quotes. */
const WORD = /"([^"]*)"|(\S+)/g

/**
 * A text with placeholders, which are filled in anew for each request: `{{n}}` its number, `{{uuid}}`, `{{now}}` (ISO
 * 8601), `{{random 1 100}}` a whole number, both ends included, `{{pick red "light blue"}}` one of the words. Nothing is
 * evaluated, and what is filled in is not escaped.
 *
 * @example
 * new Template('{"id":{{n}}}').render(7) // '{"id":7}'
 */
export class Template {
  readonly #parts: readonly (string | Part)[]

  /** @throws InvalidError `CONFIGURATION_INVALID` with every placeholder that is none */
  constructor(text: string) {
    const issues: Issue[] = []
    this.#parts = partsOf(text, issues)
    if (issues.length > 0)
      throw new InvalidError('CONFIGURATION_INVALID', 'the template is not valid', issues)
  }

  /** Whether it is the same for all requests. */
  get fixed(): boolean {
    return this.#parts.every((part) => typeof part === 'string')
  }

  render(n: number): string {
    let text = ''
    for (const part of this.#parts) text += typeof part === 'string' ? part : part(n)
    return text
  }
}

function partsOf(text: string, issues: Issue[]): (string | Part)[] {
  const parts: (string | Part)[] = []
  let end = 0
  for (const { 0: mark, 1: inside = '', 2: closing, index } of text.matchAll(MARK)) {
    parts.push(text.slice(end, index))
    end = index + mark.length
    try {
      if (closing !== '}}') throw new Error('a {{ has no }} behind it')
      parts.push(readPlaceholder(inside))
    } catch (error) {
      issues.push({ path: '', message: toError(error).message })
    }
  }
  parts.push(text.slice(end))
  return parts.filter((part) => part !== '')
}

function readPlaceholder(inside: string): Part {
  const [name = '', ...words] = [...inside.matchAll(WORD)].map(([, quoted, word]) => quoted ?? word!)
  const placeholder = Object.hasOwn(PLACEHOLDERS, name) ? PLACEHOLDERS[name] : undefined
  if (placeholder) return placeholder(words)
  const known = Object.keys(PLACEHOLDERS)
  const nearest = nearestName(name, known)
  const hint = nearest ? `did you mean {{${nearest}}}?` : `there are ${known.join(', ')}`
  throw new Error(`there is no placeholder {{${inside.trim()}}}; ${hint}`)
}

function none(name: string, words: readonly string[]): void {
  if (words.length > 0) throw new Error(`{{${name}}} takes no words, not "${words.join(' ')}"`)
}

function readRandom(words: readonly string[]): Part {
  const [from = NaN, to = NaN] = words.map((word) => (/^-?\d+$/.test(word) ? Number(word) : NaN))
  const fits = Number.isSafeInteger(from) && Number.isSafeInteger(to) && Number.isSafeInteger(to - from + 1)
  if (words.length !== 2 || !fits || from > to)
    throw new Error('random wants two whole numbers, the smaller one first, such as {{random 1 100}}')
  return () => String(from + Math.floor(Math.random() * (to - from + 1)))
}
