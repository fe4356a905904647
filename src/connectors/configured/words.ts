import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { InvalidError, toError } from '../../core/errors.ts'
import type { Sink } from '../../core/sink.ts'

/** What the options of a sink or a source are made of, beside what zod has. */
export interface Words {
  /** A text; or `{ "env": "NAME" }` or `{ "file": "/run/secrets/x" }`, which say where it is. */
  readonly secret: z.ZodType<string>
  /** A sink within another one. */
  readonly sink: z.ZodType<Sink>
}

/** What a type of sink or source says of itself: its options, and what it makes of them. */
export type Made<T> = (words: Words) => z.ZodType<T>

/**
 * Makes something of options as a file has them. What its factory refuses is told with the place in the file, like what
 * the schema refuses.
 */
export const made = <S extends z.core.$ZodLooseShape, T>(
  shape: S,
  make: (options: z.output<z.ZodObject<S>>) => T,
): z.ZodType<T> =>
  z.strictObject(shape).transform((options, context) => checked(context, () => make(options)))

/**
 * What `read` answers; what it throws is what is wrong with the value.
 *
 * @param within whether the paths of its mistakes lead on from there
 */
export function checked<T>(context: z.core.$RefinementCtx, read: () => T, within = true): T {
  try {
    return read()
  } catch (thrown) {
    const issues = thrown instanceof InvalidError ? thrown.issues : []
    const told = issues.length > 0 ? issues : [{ path: '', message: toError(thrown).message }]
    for (const { path, message } of told)
      context.addIssue({ code: 'custom', message, path: path === '' || !within ? [] : path.split('.') })
    return z.NEVER
  }
}

/** An object whose `type` says what the rest of it means. */
export const typed = <T>(
  what: string,
  types: Readonly<Record<string, Made<T>>>,
  words: Words,
): z.ZodType<T> => {
  const wanted = `must be an object whose type is one of ${Object.keys(types).join(', ')}`
  return z
    .looseObject({ type: z.string(`the type of a ${what} is missing`) }, wanted)
    .transform(({ type, ...options }, context) => {
      const one = Object.hasOwn(types, type) ? types[type] : undefined
      if (!one) {
        context.addIssue({ code: 'custom', path: ['type'], message: `is no ${what}; ${wanted}` })
        return z.NEVER
      }
      const result = one(words).safeParse(options)
      if (result.success) return result.data
      for (const { path, message } of result.error.issues)
        context.addIssue({ code: 'custom', path: [...path], message })
      return z.NEVER
    })
}

const SECRET = 'must be a text, or { "env": "NAME" } or { "file": "path" } where it is to be found'

/** Never says what it holds. */
export const secretIn = (env: NodeJS.ProcessEnv): z.ZodType<string> =>
  z
    .union([z.string(), z.strictObject({ env: z.string() }), z.strictObject({ file: z.string() })], SECRET)
    .transform((place, context) =>
      checked(context, () => {
        if (typeof place === 'string') return place
        return 'env' in place ? fromEnvironment(env, place.env) : fromFile(place.file)
      }),
    )

function fromEnvironment(env: NodeJS.ProcessEnv, name: string): string {
  const text = env[name]
  if (text !== undefined && text !== '') return text
  throw new Error(`the variable ${name} is not set`)
}

function fromFile(path: string): string {
  try {
    // Whoever writes such a file with an editor or `echo` leaves the end of the line in it.
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(`the file ${path} can't be read (${code})`, { cause: error })
  }
}
