import { MillraceError } from './errors.ts'
import type { NewEvent } from './event.ts'
import { checkName } from './names.ts'
import { isSchema, validate, type Schema } from './schema.ts'
import { DATA_VERSION, newestVersion } from './versioned.ts'
import type { StandardSchemaV1 } from '@standard-schema/spec'

/** The types of events that a stream carries, each with the schema of its data. */
export type Schemas = Record<string, Schema>

/** A stream and what it carries: the one place from which names, schemas and types follow. */
export interface StreamDeclaration<S extends Schemas = Schemas> {
  readonly name: string
  readonly schemas: Readonly<S>
}

export type TypeOf<S extends Schemas> = keyof S & string
/** What a publisher passes for events of type `K`. */
export type DataIn<S extends Schemas, K extends TypeOf<S>> = StandardSchemaV1.InferInput<S[K]>
/** What a handler gets: what the schema made of it. */
export type DataOut<S extends Schemas, K extends TypeOf<S>> = StandardSchemaV1.InferOutput<S[K]>

/** An event that the declaration allows: `data` follows from `type`. */
export type NewEventOf<S extends Schemas> = {
  [K in TypeOf<S>]: NewEvent<DataIn<S, K>> & { type: K }
}[TypeOf<S>]

/**
 * Declares a stream with any Standard Schema validator.
 *
 * @example
 * const users = stream('user:events', { 'user.created': z.object({ userId: z.string() }) })
 */
export function stream<const S extends Schemas>(name: string, schemas: S): StreamDeclaration<S> {
  checkName('stream name', name)
  for (const [type, schema] of Object.entries(schemas)) {
    checkName('event type', type)
    if (!isSchema(schema)) {
      const message = `the schema of "${type}" on "${name}" is no Standard Schema validator (zod, valibot, arktype, …)`
      throw new MillraceError('CONFIGURATION_INVALID', message)
    }
  }
  return Object.freeze({ name, schemas: Object.freeze({ ...schemas }) })
}

/** The schema for a type, or undefined where the stream does not declare it. Own properties only: no `constructor`. */
export const schemaOf = (declaration: StreamDeclaration, type: string): Schema | undefined =>
  Object.hasOwn(declaration.schemas, type) ? declaration.schemas[type] : undefined

/**
 * Checks an event against the declaration. What is written is the input of the schema, so that consumption applies
 * the schema to the same thing.
 *
 * @throws InvalidError or MillraceError `EVENT_INVALID`
 */
export function checkEvent(declaration: StreamDeclaration, event: NewEvent): void | Promise<void> {
  const schema = schemaOf(declaration, event.type)
  if (!schema) {
    const known = Object.keys(declaration.schemas).join(', ') || 'none'
    throw new MillraceError(
      'EVENT_INVALID',
      `the stream "${declaration.name}" declares no type "${event.type}"; it declares: ${known}`,
    )
  }
  if (event.headers !== undefined) checkVersion(schema, event)
  const checked = validate(schema, event.data, `${event.type} on "${declaration.name}"`)
  if (checked instanceof Promise) return checked.then(() => {})
}

/** Another version than the newest would be checked against the wrong schema, here and wherever it is consumed. */
function checkVersion(schema: Schema, { type, headers }: NewEvent): void {
  const version = headers?.[DATA_VERSION]
  const newest = newestVersion(schema)
  if (version === undefined || version === String(newest)) return
  const message = `the header "${DATA_VERSION}" is ${version}, and what is published of "${type}" is version ${newest}; leave it out`
  throw new MillraceError('EVENT_INVALID', message)
}

/** The event as it is written: with the version of its data where that is not the first. It was checked before. */
export function withVersion(declaration: StreamDeclaration, event: NewEvent): NewEvent {
  const newest = newestVersion(declaration.schemas[event.type]!)
  return newest === 1 ? event : { ...event, headers: { ...event.headers, [DATA_VERSION]: String(newest) } }
}
