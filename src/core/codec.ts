import { MillraceError } from './errors.ts'
import type { Event, NewEvent } from './event.ts'
import { entryTime, toIsoTime } from './event-time.ts'
import { positionTime } from './position.ts'
import type { Entry } from './stream-log.ts'

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

/** The fields of our own format that have a place of their own in an event; any other is a header. */
const ATTRIBUTES: ReadonlySet<string> = new Set(['id', 'type', 'time', 'data', 'partitionkey'])
/** The same for the formats of others. */
const FOREIGN_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...ATTRIBUTES,
  'eventType',
  'event',
  'payload',
  'timestamp',
  'aggregateId',
  'headers',
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
    const [, type, , json] = fields as [string, string, string, string]
    const data = parseJson('data', json)
    return new DecodedEvent(position, type, data, undefined, NO_HEADERS, position, undefined, json)
  }
  const named = namedFields(fields)
  return named.has('type') && named.has('data')
    ? decodeOwn(position, named)
    : decodeForeign(stream, position, named)
}

function decodeOwn(position: string, named: Map<string, string>): Event {
  const text = named.get('data')!
  const json = holdsJson(named.get('datacontenttype')) ? text : undefined
  const data = json === undefined ? text : parseJson('data', json)
  const headers = others(named, ATTRIBUTES)
  const key = named.get('partitionkey')
  const time = named.get('time')
  const [id, type] = [named.get('id') ?? position, named.get('type')!]
  return new DecodedEvent(id, type, data, key, headers, position, time, json)
}

function decodeForeign(stream: string, position: string, named: Map<string, string>): Event {
  const { data, headers, json } = decodeForeignBody(named)
  const type = named.get('type') ?? named.get('eventType') ?? named.get('event') ?? stream
  const key = named.get('partitionkey') ?? named.get('aggregateId')
  const time = named.get('time') ?? named.get('timestamp')
  return new DecodedEvent(named.get('id') ?? position, type, data, key, headers, position, time, json)
}

interface ForeignBody {
  data: unknown
  headers: Record<string, string>
  /** The data as they are written; undefined where all fields are the data. */
  json: string | undefined
}

function decodeForeignBody(named: Map<string, string>): ForeignBody {
  const field = dataField(named)
  if (!field) {
    const data = Object.assign(Object.create(null), Object.fromEntries(named))
    return { data, headers: NO_HEADERS, json: undefined }
  }
  const json = named.get(field)!
  const data = parseJson(field, json)
  const carried = field === 'payload' && named.has('headers') ? parseHeaders(named.get('headers')!) : {}
  return { data, headers: Object.assign(others(named, FOREIGN_ATTRIBUTES), carried), json }
}

export function namedFields(fields: readonly string[]): Map<string, string> {
  const named = new Map<string, string>()
  for (let index = 0; index + 1 < fields.length; index += 2) named.set(fields[index]!, fields[index + 1]!)
  return named
}

/** The field that holds the data of an entry, by the formats in their order; undefined where all fields are the data. */
export function dataField(named: ReadonlyMap<string, string>): 'data' | 'payload' | undefined {
  if (named.has('type') && named.has('data')) return 'data'
  if ((named.has('eventType') || named.has('event')) && named.has('payload')) return 'payload'
  return named.has('requestId') && named.has('data') ? 'data' : undefined
}

/** A null prototype, so that a field named `__proto__` is a field like any other. */
function others(named: Map<string, string>, known: ReadonlySet<string>): Record<string, string> {
  const headers: Record<string, string> = Object.create(null)
  for (const [name, value] of named) if (!known.has(name)) headers[name] = value
  return headers
}

function parseHeaders(text: string): Record<string, string> {
  const parsed = parseJson('headers', text)
  const headers: Record<string, string> = Object.create(null)
  if (typeof parsed !== 'object' || parsed === null) return headers
  for (const [name, value] of Object.entries(parsed)) {
    if (ATTRIBUTES.has(name)) continue
    headers[name] = typeof value === 'string' ? value : JSON.stringify(value)
  }
  return headers
}

/** Whether data of this `datacontenttype` is JSON; anything else is a text. */
export const holdsJson = (contentType: string | undefined): boolean =>
  contentType === undefined || /^application\/(?:json|[^;]+\+json)\s*(?:;|$)/i.test(contentType)

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
  readonly #position: string
  readonly #ownTime: string | undefined
  readonly #written: unknown
  readonly #json: string | undefined

  constructor(
    id: string,
    type: string,
    data: unknown,
    key: string | undefined,
    headers: Readonly<Record<string, string>>,
    position: string,
    ownTime: string | undefined,
    json: string | undefined,
  ) {
    this.id = id
    this.type = type
    this.data = data
    this.#written = data
    this.key = key
    this.headers = headers
    this.#position = position
    this.#ownTime = ownTime
    this.#json = json
  }

  static isDecoded(event: Event): event is DecodedEvent {
    return #written in event
  }

  get written(): unknown {
    return this.#written
  }

  get json(): string | undefined {
    return this.#json
  }

  get time(): string {
    return this.#ownTime === undefined ? entryTime(positionTime(this.#position)) : toIsoTime(this.#ownTime)
  }

  /** Getters are not own properties, so without this the time would be missing from JSON. */
  toJSON(): Event {
    const { id, type, time, data, key, headers } = this
    return { id, type, time, data, ...(key === undefined ? {} : { key }), headers }
  }
}

/**
 * The data as it stands in the entry, also where what a schema made of it has taken its place: whoever runs an event a
 * second time, as a batch that failed is, must not check what was checked already.
 */
export const writtenData = (event: Event): unknown =>
  DecodedEvent.isDecoded(event) ? event.written : event.data

/**
 * The data as JSON, letter by letter as they stand in the entry, but on one line: whole numbers of any size are what they
 * were. Undefined where they are no JSON there, and for an event that was not decoded. Whoever gave the event to somebody
 * else meanwhile can't know whether its data are still the same.
 */
export function writtenJson(event: Event): string | undefined {
  const json = DecodedEvent.isDecoded(event) ? event.json : undefined
  // Never within a string: JSON has them escaped there.
  return json?.includes('\n') || json?.includes('\r') ? json.replaceAll(/[\n\r]/g, ' ') : json
}

/**
 * Puts what a schema made of the data into the event's place, if it is one that was decoded for its delivery alone;
 * making another event costs more than the rest of a delivery.
 */
export function replaceData(event: Event, data: unknown): boolean {
  if (!DecodedEvent.isDecoded(event)) return false
  ;(event as { data: unknown }).data = data
  return true
}

/**
 * The fields of an event on its way in: of the CloudEvents attributes only those that say more than the entry's own
 * position does.
 *
 * @param dataJson the data as JSON, where somebody has them so already
 * @throws MillraceError `EVENT_INVALID` where the data or a header can't be written down, and where data is no text though
 *   its `datacontenttype` says that it is no JSON
 */
export function encodeEvent(event: NewEvent, dataJson?: string): string[] {
  const fields = ['type', event.type, 'data', dataText(event, dataJson)]
  pushText(fields, 'id', event.id)
  pushText(fields, 'time', event.time)
  pushText(fields, 'partitionkey', event.key)
  if (event.headers) pushHeaders(fields, event.headers)
  return fields
}

/** As JSON, or a text as it is where its `datacontenttype` says that it is none. */
function dataText({ data, headers }: NewEvent, dataJson?: string): string {
  const contentType = headers?.['datacontenttype']
  if (typeof contentType !== 'string' || holdsJson(contentType)) return dataJson ?? toJson(data)
  if (typeof data === 'string' && data.isWellFormed()) return data
  throw new MillraceError(
    'EVENT_INVALID',
    `data of the datacontenttype "${contentType}" must be a text; leave datacontenttype out to write JSON`,
  )
}

function pushText(fields: string[], name: string, value: string | undefined): void {
  if (value === undefined) return
  if (typeof value !== 'string' || value === '') {
    throw new MillraceError('EVENT_INVALID', `the event's ${name} must be a text that is not empty`)
  }
  fields.push(name, value)
}

function pushHeaders(fields: string[], headers: Readonly<Record<string, string>>): void {
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
    if (!name.isWellFormed() || !value.isWellFormed()) {
      throw new MillraceError(
        'EVENT_INVALID',
        `the header ${JSON.stringify(name)} is no valid Unicode; use well-formed text`,
      )
    }
    fields.push(name, value)
  }
}

/** @throws MillraceError `EVENT_INVALID` where JSON has no way to say it */
export function toJson(data: unknown): string {
  try {
    // `undefined` is what a function or a missing value becomes; as JSON it is null.
    return JSON.stringify(data) ?? 'null'
  } catch (cause) {
    const message = `the data can't be written as JSON: ${(cause as Error).message}`
    throw new MillraceError('EVENT_INVALID', message, { cause })
  }
}
