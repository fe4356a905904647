import { InvalidError } from './errors.ts'

/**
 * A pattern of subjects, by the rules of NATS. A subject is made of tokens between dots; in a pattern `*` stands for
 * exactly one token, and `>`, which comes last, for the rest: one token or more. `user.*` matches `user.created` and
 * not `user.email.changed`; `user.>` matches both; `>` matches everything.
 */
export interface Pattern {
  readonly source: string
  /** Takes one pass over the subject, whatever the pattern and whoever wrote the subject. */
  matches(subject: string): boolean
}

const ONE = '*'
const REST = '>'

/** Whether a text is meant as a pattern and not as the name of one subject. */
export const isPattern = (text: string): boolean => text.includes(ONE) || text.includes(REST)

/**
 * @throws InvalidError `CONFIGURATION_INVALID` that says what is wrong with the pattern
 *
 * @example
 * compilePattern('user.*').matches('user.created') // true
 */
export function compilePattern(source: string): Pattern {
  return new Tokens(source)
}

/** The more a pattern says of its subjects the earlier it comes: more literal tokens, no `>`, more tokens. */
export function compareSpecificity(a: Pattern, b: Pattern): number {
  const [left, right] = [a, b].map(({ source }) => tokensOf(source)) as [string[], string[]]
  return (
    literalsIn(right) - literalsIn(left) ||
    Number(left.at(-1) === REST) - Number(right.at(-1) === REST) ||
    right.length - left.length ||
    firstLiteral(left) - firstLiteral(right) ||
    (a.source < b.source ? -1 : 1)
  )
}

class Tokens implements Pattern {
  readonly source: string
  readonly #tokens: readonly string[]
  readonly #takesRest: boolean

  constructor(source: string) {
    const tokens = tokensOf(source)
    const problem = problemOf(tokens)
    if (problem !== undefined) {
      const message = `the pattern ${JSON.stringify(source)} ${problem}; patterns look like "user.*", "user.>" or "*.created"`
      throw new InvalidError('CONFIGURATION_INVALID', message)
    }
    this.source = source
    this.#takesRest = tokens.at(-1) === REST
    this.#tokens = this.#takesRest ? tokens.slice(0, -1) : tokens
  }

  /** No token can be matched in two ways, so nothing is ever tried twice. */
  matches(subject: string): boolean {
    let from = 0
    for (const token of this.#tokens) {
      if (from > subject.length) return false
      const dot = subject.indexOf('.', from)
      const end = dot < 0 ? subject.length : dot
      if (token !== ONE && !(end - from === token.length && subject.startsWith(token, from))) return false
      from = end + 1
    }
    return this.#takesRest ? from <= subject.length : from === subject.length + 1
  }
}

const tokensOf = (text: string): string[] => text.split('.')

function problemOf(tokens: readonly string[]): string | undefined {
  if (tokens.includes('')) return 'has an empty token'
  if (tokens.slice(0, -1).includes(REST)) return 'has ">" before its end'
  const mixed = tokens.find((token) => token.length > 1 && isPattern(token))
  return mixed === undefined ? undefined : `has the token "${mixed}", and a wildcard is a token of its own`
}

const literalsIn = (tokens: readonly string[]): number =>
  tokens.filter((token) => token !== ONE && token !== REST).length

const firstLiteral = (tokens: readonly string[]): number =>
  tokens.findIndex((token) => token !== ONE && token !== REST)
