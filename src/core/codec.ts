import { MillraceError } from './errors.ts'
import type { Event, NewEvent } from './event.ts'
import { isPosition, positionTime } from './position.ts'
import type { Entry } from './stream-log.ts'

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

/** Fields with a place of their own in an event; of the formats of others, those that their row reads. */
const ATTRIBUTES: ReadonlySet<string> = new Set(['id', 'type', 'time', 'data', 'partitionkey'])
const FOREIGN_ATTRIBUTES: ReadonlySet<string> = new Set([
  'id',
  'eventType',
  'event',
  'payload',
  'data',
  'timestamp',
])

/**
 * What an entry means. Reads what Millrace writes (`type` and `data`, and CloudEvents attributes by their names) and
 * the formats of other producers; the first whose required fields are all there wins. Anybody's fields become the
 * data as they are.
 *
 * @throws MillraceError `EVENT_UNDECODABLE` where a field that should hold JSON does not.
 */
export function decodeEntry(stream: string, entry: Entry): Event {
  const { fields, position } = entry
  // What Millrace writes most of the time: nothing but a type and data.
  if (fields.length === 4 && fields[0] === 'type' && fields[2] === 'data') {
    return new DecodedEvent(
      position,
      fields[1]!,
      parseJson('data', fields[3]!),
      undefined,
      NO_HEADERS,
      position,
    )
  }
  const named = new Map<string, string>()
  for (let index = 0; index + 1 < fields.length; index += 2) named.set(fields[index]!, fields[index + 1]!)
  const { data, headers } = decodeBody(named)
  return new DecodedEvent(
    named.get('id') ?? position,
    named.get('type') ?? named.get('eventType') ?? named.get('event') ?? stream,
    data,
    named.get('partitionkey') ?? named.get('aggregateId'),
    headers,
    named.get('time') ?? named.get('timestamp') ?? position,
  )
}

function decodeBody(named: Map<string, string>): { data: unknown; headers: Record<string, string> } {
  if (named.has('type') && named.has('data')) {
    const data = named.get('data')!
    const isJson = holdsJson(named.get('datacontenttype'))
    return { data: isJson ? parseJson('data', data) : data, headers: others(named, ATTRIBUTES) }
  }
  if ((named.has('eventType') || named.has('event')) && named.has('payload')) {
    const carried = named.has('headers') ? parseHeaders(named.get('headers')!) : undefined
    const headers = others(named, FOREIGN_ATTRIBUTES, carried)
    return { data: parseJson('payload', named.get('payload')!), headers }
  }
  if (named.has('requestId') && named.has('data')) {
    return { data: parseJson('data', named.get('data')!), headers: others(named, FOREIGN_ATTRIBUTES) }
  }
  return { data: Object.assign(Object.create(null), Object.fromEntries(named)), headers: NO_HEADERS }
}

/** A null prototype, so that a field named `__proto__` is a field like any other. */
function others(
  named: Map<string, string>,
  known: ReadonlySet<string>,
  carried?: Record<string, string>,
): Record<string, string> {
  const headers: Record<string, string> = Object.create(null)
  for (const [name, value] of named)
    if (!known.has(name) && !(carried && name === 'headers')) headers[name] = value
  for (const name in carried) headers[name] = carried[name]!
  return headers
}

function parseHeaders(text: string): Record<string, string> {
  const parsed = parseJson('headers', text)
  const headers: Record<string, string> = Object.create(null)
  if (typeof parsed !== 'object' || parsed === null) return headers
  for (const [name, value] of Object.entries(parsed)) {
    headers[name] = typeof value === 'string' ? value : JSON.stringify(value)
  }
  return headers
}

const holdsJson = (contentType: string | undefined): boolean =>
  contentType === undefined || /^application\/(?:json|[^;]+\+json)(?:;|$)/i.test(contentType)

function parseJson(field: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MillraceError(
      'EVENT_UNDECODABLE',
      `the field "${field}" is not JSON: ${(cause as Error).message}`,
      {
        cause,
      },
    )
  }
}

/** A class, so that `time` is worked out only for whoever asks: eager dates halve the speed of consumption. */
class DecodedEvent implements Event {
  readonly id: string
  readonly type: string
  readonly data: unknown
  readonly key: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly #timeSource: string

  constructor(
    id: string,
    type: string,
    data: unknown,
    key: string | undefined,
    headers: Readonly<Record<string, string>>,
    timeSource: string,
  ) {
    this.id = id
    this.type = type
    this.data = data
    this.key = key
    this.headers = headers
    this.#timeSource = timeSource
  }

  get time(): string {
    return toIsoTime(this.#timeSource)
  }

  /** Getters are not own properties, so without this the time would be missing from JSON. */
  toJSON(): Event {
    const { id, type, time, data, key, headers } = this
    return { id, type, time, data, ...(key === undefined ? {} : { key }), headers }
  }
}

/** From a position, from milliseconds, or from a date in words; what is none of them stays as it is. */
function toIsoTime(source: string): string {
  const time = isPosition(source) ? positionTime(source) : /^\d+$/.test(source) ? Number(source) : source
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? source : date.toISOString()
}

/**
 * The fields of an event on its way in: of the CloudEvents attributes only those that say more than the entry's own
 * position does.
 *
 * @throws MillraceError `EVENT_INVALID` where the data or a header can't be written down.
 */
export function encodeEvent(event: NewEvent): string[] {
  const fields = ['type', event.type, 'data', toJson(event.data)]
  if (event.id !== undefined) fields.push('id', event.id)
  if (event.time !== undefined) fields.push('time', event.time)
  if (event.key !== undefined) fields.push('partitionkey', event.key)
  if (event.headers) pushHeaders(fields, event.headers)
  return fields
}

function pushHeaders(fields: string[], headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (ATTRIBUTES.has(name)) {
      throw new MillraceError(
        'EVENT_INVALID',
        `the header "${name}" has a place of its own in the event: set it there`,
      )
    }
    if (typeof value !== 'string') {
      throw new MillraceError('EVENT_INVALID', `the header "${name}" must be a string, not ${typeof value}`)
    }
    fields.push(name, value)
  }
}

function toJson(data: unknown): string {
  try {
    // `undefined` is what a function or a missing value becomes; as JSON it is null.
    return JSON.stringify(data) ?? 'null'
  } catch (cause) {
    const message = `the data can't be written as JSON: ${(cause as Error).message}`
    throw new MillraceError('EVENT_INVALID', message, { cause })
  }
}
