import type { ValueSchema } from './values.ts'

/** One variable of the environment: everything that is said about it anywhere follows from here. */
export interface Variable<T = unknown> {
  /** What it is for, in one line. */
  readonly about: string
  readonly schema: ValueSchema<T>
  /** As an operator would write it. Without one the variable may be missing. */
  readonly default?: string
  /** In words, where the default follows from other variables. */
  readonly defaultNote?: string
  /** Older names, read where the variable itself is not set. */
  readonly aliases?: readonly string[]
  /** Never shown: as a whole, or what a URL holds in front of its host. Can also come from a file named in `<NAME>_FILE`. */
  readonly secret?: 'whole' | 'url'
  /** Taken over when the service is told to read its configuration again; the others need a restart. */
  readonly reloads?: true
}

/** Keeps the literal type of an entry, so that `default` tells whether the value can be missing. */
export const define = <const V extends Variable>(variable: V): V => variable
