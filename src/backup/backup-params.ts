import { InvalidError, type Issue } from '../core/errors.ts'

/** Checks the parameters of a kind of job: texts, lists of texts and names by names; nothing else may be among them. */
export class ParamCheck {
  readonly #params: Readonly<Record<string, unknown>>
  readonly #issues: Issue[] = []

  constructor(params: Readonly<Record<string, unknown>>, known: readonly string[]) {
    this.#params = params
    for (const name of Object.keys(params))
      if (!known.includes(name)) this.fault(name, `is none of ${known.join(', ')}`)
  }

  fault(path: string, message: string): undefined {
    this.#issues.push({ path, message })
    return undefined
  }

  text(name: string): string | undefined {
    const value = this.#params[name]
    if (value === undefined || (typeof value === 'string' && value !== '')) return value
    return this.fault(name, 'must be a text, and not empty')
  }

  texts(name: string): string[] | undefined {
    const value = this.#params[name]
    if (value === undefined) return undefined
    const right =
      Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string' && one !== '')
    return right ? (value as string[]) : this.fault(name, 'must be a list of texts, and not empty')
  }

  flag(name: string): boolean {
    const value = this.#params[name] ?? false
    if (typeof value === 'boolean') return value
    this.fault(name, 'must be true or false')
    return false
  }

  /** A prefix, or new names by old ones. */
  rename(name: string): Rename | undefined {
    const value = this.#params[name]
    if (value === undefined) return undefined
    const isText = (one: unknown) => typeof one === 'string' && one !== ''
    if (isText(value)) return value as string
    const right = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (right && Object.values(value).every(isText)) return value as Record<string, string>
    return this.fault(name, 'must be a prefix for all names, or an object of new names by the old ones')
  }

  /** @throws InvalidError `CONFIGURATION_INVALID` with all mistakes */
  done(what: string): void {
    if (this.#issues.length > 0)
      throw new InvalidError('CONFIGURATION_INVALID', `such a ${what} can not be`, this.#issues)
  }
}

export type Rename = string | Readonly<Record<string, string>>
