import type { StandardSchemaV1 } from '@standard-schema/spec'
import { InvalidError, toError, type ErrorCode, type Issue } from './errors.ts'

/** Any validator that speaks Standard Schema: zod, valibot, arktype, … */
export type Schema<In = unknown, Out = In> = StandardSchemaV1<In, Out>

export const isSchema = (value: unknown): value is Schema =>
  typeof (value as Partial<Schema> | null | undefined)?.['~standard']?.validate === 'function'

/**
 * What the schema makes of the value. Answers at once where the schema does, so that validating costs no promise on
 * the hot path.
 *
 * @throws InvalidError with the fields at fault; a schema that throws is reported the same way, and its event becomes a
 * dead letter at once: a schema looks at nothing but the value, so a second look would end the same.
 */
export function validate(schema: Schema, value: unknown, what: string): unknown {
  let result: StandardSchemaV1.Result<unknown> | Promise<StandardSchemaV1.Result<unknown>>
  try {
    result = schema['~standard'].validate(value)
  } catch (thrown) {
    throw broken(what, thrown)
  }
  if (!isThenable(result)) return accept(result, what)
  return Promise.resolve(result).then(
    (settled) => accept(settled, what),
    (thrown: unknown) => {
      throw broken(what, thrown)
    },
  )
}

/** A schema's promise need not be one of ours. */
const isThenable = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof (value as PromiseLike<T> | undefined)?.then === 'function'

function accept(result: StandardSchemaV1.Result<unknown>, what: string): unknown {
  if (typeof result !== 'object' || result === null) throw broken(what, new Error('it gave no result'))
  if (!result.issues) return result.value
  throw new InvalidError(INVALID, `${what} does not fit its schema`, result.issues.map(toIssue))
}

const INVALID: ErrorCode = 'EVENT_INVALID'

const broken = (what: string, thrown: unknown) =>
  new InvalidError(INVALID, `the schema of ${what} failed: ${toError(thrown).message}`, [], { cause: thrown })

function toIssue({ path = [], message }: StandardSchemaV1.Issue): Issue {
  const keys = path.map((part) => String(typeof part === 'object' ? part.key : part))
  return { path: ['data', ...keys].join('.'), message }
}
