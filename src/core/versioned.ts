import type { StandardSchemaV1 } from '@standard-schema/spec'
import { writtenData } from './codec.ts'
import type { Event } from './event.ts'
import { InvalidError, MillraceError, toError, type Issue } from './errors.ts'
import { NotYet } from './not-yet.ts'
import { isSchema, validate, type Schema } from './schema.ts'

/**
 * The header that says to which version of its type the data of an event belongs. Absent it is 1, so that what was
 * written before there were versions is the first of them.
 */
export const DATA_VERSION = 'dataversion'

/** Schemas by version: whole numbers without a gap, the highest one being what is published today. */
export type SchemasByVersion = Readonly<Record<number, Schema>>

type Tuple<Length extends number, T extends unknown[] = []> = T['length'] extends Length
  ? T
  : Tuple<Length, [...T, unknown]>
type Next<V> = V extends number ? [...Tuple<V>, unknown]['length'] & number : never
/** The version that has no next one. */
export type Newest<V extends SchemasByVersion> = {
  [K in keyof V]: Next<K> extends keyof V ? never : K
}[keyof V]

type In<S> = S extends Schema ? StandardSchemaV1.InferInput<S> : never
type Out<S> = S extends Schema ? StandardSchemaV1.InferOutput<S> : never

/** For each version but the newest, what turns its data into that of the next one. */
export type Upcasters<V extends SchemasByVersion> = {
  readonly [K in Exclude<keyof V, Newest<V>>]: (old: Out<V[K]>) => Awaitable<In<V[Next<K> & keyof V]>>
}
type Awaitable<T> = T | Promise<T>

/** To whoever publishes it is the schema of the newest version. */
export type VersionedSchema<V extends SchemasByVersion> = Schema<In<V[Newest<V>]>, Out<V[Newest<V>]>>

interface Versions {
  readonly oldest: number
  readonly newest: number
  readonly schemas: ReadonlyMap<number, Schema>
  readonly upcasters: ReadonlyMap<number, (old: never) => unknown>
}

const VERSIONS = Symbol('versions')

/**
 * A schema whose data has had several shapes. What is published is checked against the newest version and says so in
 * the header `dataversion` (left out for version 1). What is consumed is checked against the schema of its own version
 * and brought to the newest step by step, each step checked, before a handler sees it. An event of a version that is
 * not known here yet is retried, since a deployment may be under way; one older than the oldest is a dead letter.
 *
 * Upcasters should depend on nothing but what they are given: one that throws makes the event a dead letter.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every gap and every upcaster that is missing or too many
 *
 * @example
 * stream('users', {
 *   'user.created': versioned(
 *     { 1: z.object({ name: z.string() }), 2: z.object({ first: z.string(), last: z.string() }) },
 *     { 1: ({ name }) => ({ first: name.split(' ')[0] ?? '', last: name.split(' ').slice(1).join(' ') }) },
 *   ),
 * })
 */
export function versioned<const V extends SchemasByVersion>(
  schemas: V,
  upcasters: Upcasters<NoInfer<V>>,
): VersionedSchema<V> {
  const versions = toVersions(schemas, upcasters)
  const newest = versions.schemas.get(versions.newest)!
  return Object.freeze({
    '~standard': newest['~standard'] as VersionedSchema<V>['~standard'],
    [VERSIONS]: versions,
  })
}

function toVersions(schemas: SchemasByVersion, upcasters: object): Versions {
  const numbers = Object.keys(schemas).map(Number)
  const [oldest, newest] = [Math.min(...numbers), Math.max(...numbers)]
  const issues = [...issuesOfSchemas(schemas), ...issuesOfSteps(numbers, oldest, newest, upcasters)]
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the versions of the data make no sense', issues)
  const byNumber = <T>(all: object) =>
    new Map(Object.entries(all).map(([version, one]) => [Number(version), one as T]))
  return { oldest, newest, schemas: byNumber(schemas), upcasters: byNumber(upcasters) }
}

function issuesOfSchemas(schemas: SchemasByVersion): Issue[] {
  const issues: Issue[] = []
  if (Object.keys(schemas).length === 0)
    issues.push({ path: 'schemas', message: 'at least one version is needed' })
  for (const [version, schema] of Object.entries(schemas)) {
    const path = `schemas.${version}`
    if (versionOf(version) === undefined)
      issues.push({ path, message: 'a version is a whole number from 1 on' })
    if (!isSchema(schema)) issues.push({ path, message: 'is no Standard Schema validator (zod, valibot, …)' })
  }
  return issues
}

function issuesOfSteps(
  numbers: readonly number[],
  oldest: number,
  newest: number,
  upcasters: object,
): Issue[] {
  const issues: Issue[] = []
  const steps = new Map(Object.entries(upcasters))
  // From version to version that is there, so that one far away makes no endless list.
  numbers
    .toSorted((a, b) => a - b)
    .forEach((version, index, sorted) => {
      const next = sorted[index + 1]
      if (next !== undefined && next !== version + 1)
        issues.push({ path: `schemas.${version + 1}`, message: `is missing between ${version} and ${next}` })
      if (version < newest && typeof steps.get(String(version)) !== 'function')
        issues.push({ path: `upcasters.${version}`, message: `must be a function to version ${version + 1}` })
    })
  for (const version of steps.keys())
    if (!numbers.includes(Number(version)) || Number(version) >= newest)
      issues.push({ path: `upcasters.${version}`, message: `leads from none of ${oldest} to ${newest - 1}` })
  return issues
}

/** A schema without versions is version 1, and always was. */
const versionsOf = (schema: Schema): Versions | undefined => (schema as { [VERSIONS]?: Versions })[VERSIONS]

/** The version that is published today. */
export const newestVersion = (schema: Schema): number => versionsOf(schema)?.newest ?? 1

/** A number as it is written down, or undefined: nine digits are more than anybody has versions. */
const versionOf = (text: string): number | undefined =>
  /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined

/**
 * The data of an event as a handler gets it: checked, and of the newest version. At once where the schema is, and the
 * event is of the newest version.
 *
 * @param attempt of the delivery, since what is newer than we know waits longer each time
 * @throws InvalidError or MillraceError `EVENT_INVALID`; NotYet `VERSION_UNKNOWN`
 */
export function readData(schema: Schema, event: Event, attempt: number): unknown {
  const written = event.headers[DATA_VERSION]
  const versions = versionsOf(schema)
  if (written === undefined && versions === undefined) return validate(schema, writtenData(event), event.type)
  const version = written === undefined ? 1 : versionOf(written)
  if (version === undefined)
    throw new MillraceError(
      'EVENT_INVALID',
      `${event.type} has the ${DATA_VERSION} "${written}", which is no version`,
    )
  const [oldest, newest] = [versions?.oldest ?? 1, versions?.newest ?? 1]
  if (version > newest) throw tooNew(event.type, version, newest, attempt)
  if (version < oldest)
    throw new MillraceError(
      'EVENT_INVALID',
      `${event.type} is of version ${version}, and the oldest that is declared is ${oldest}; declare it with an upcaster`,
    )
  return version === newest || !versions
    ? validate(schema, writtenData(event), event.type)
    : upcast(versions, event, version)
}

const tooNew = (type: string, version: number, newest: number, attempt: number): NotYet =>
  new NotYet(
    'VERSION_UNKNOWN',
    attempt,
    `${type} is of version ${version}, and the newest that is known here is ${newest}; deploy the version that declares it, then redrive what became a dead letter`,
  )

async function upcast(
  { schemas, upcasters, newest }: Versions,
  event: Event,
  from: number,
): Promise<unknown> {
  let data = await validate(schemas.get(from)!, writtenData(event), `version ${from} of ${event.type}`)
  for (let version = from; version < newest; version++) {
    const newer = await step(
      upcasters.get(version)!,
      data,
      `${event.type} from version ${version} to ${version + 1}`,
    )
    const what = `${event.type}, brought from version ${from} to ${version + 1},`
    data = await validate(schemas.get(version + 1)!, newer, what)
  }
  return data
}

async function step(upcaster: (old: never) => unknown, data: unknown, what: string): Promise<unknown> {
  try {
    return await upcaster(data as never)
  } catch (thrown) {
    const message = `the upcaster of ${what} failed: ${toError(thrown).message}`
    throw new InvalidError('EVENT_INVALID', message, [], { cause: thrown })
  }
}
