import { MessageProcessingError } from '../core/connector-errors.ts'
import { toError } from '../core/errors.ts'
import { positionTime } from '../core/position.ts'
import type { SinkEvent } from '../core/sink.ts'

/** What every event says of itself. */
export interface Attributes {
  readonly specversion: '1.0'
  /** That of the event; `<id>/<part>` for the second and later ones that middleware made of it. Unique per `source`. */
  readonly id: string
  /** Who published it, else the stream. */
  readonly source: string
  readonly type: string
  /** RFC 3339. */
  readonly time: string
  /** `application/json`, unless the entry says otherwise; then `data` is a text. */
  readonly datacontenttype: string
  /** The event's key. */
  readonly partitionkey?: string
}

/** An event in the JSON format of CloudEvents 1.0. Whatever else its entry carried are attributes of their own. */
export interface CloudEvent extends Attributes {
  readonly data: unknown
  readonly [attribute: string]: unknown
}

/** Those that the event says itself, and never a header; `millraceentry` says where the file sink took a line from. */
const OWN: ReadonlySet<string> = new Set([
  'data',
  'datacontenttype',
  'id',
  'millraceentry',
  'partitionkey',
  'source',
  'specversion',
  'time',
  'type',
])

const ATTRIBUTE_NAME = /^[a-z0-9]+$/
const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/
/** The last one of four digits for the year, which is all that RFC 3339 has. */
const LATEST_TIME = Date.UTC(10_000, 0) - 1

/**
 * An event as CloudEvents 1.0 has it in structured mode. Whoever reads it finds repeats by `source` and `id` together.
 *
 * - Headers are attributes. CloudEvents knows small letters and digits in their names, so `x-tenant` is `xtenant`; where
 *   two are the same by that, the later one gets a number. What is empty is left out.
 * - What CloudEvents does not take is replaced: a time that is none by that of the entry, an empty id by its position.
 *
 * @example
 * toCloudEvent(sinkEvent)
 * // { specversion: '1.0', id: '1769594400000-0', source: 'orders', type: 'order.placed',
 * //   time: '2026-01-28T10:00:00.000Z', datacontenttype: 'application/json', data: { total: 12 } }
 */
export function toCloudEvent(event: SinkEvent): CloudEvent {
  const { data } = event.event
  const attributes = allAttributesOf(event)
  attributes['data'] = data === undefined ? null : data
  return attributes as CloudEvent
}

/**
 * The same as JSON, with the data letter by letter as they were published where nothing can have changed them.
 *
 * @throws MessageProcessingError `EVENT_REFUSED` where JSON has no way to say what middleware made of the data
 */
export function toCloudEventJson(event: SinkEvent): string {
  const { dataJson } = event
  if (dataJson !== undefined)
    return `${JSON.stringify(allAttributesOf(event)).slice(0, -1)},"data":${dataJson}}`
  try {
    return JSON.stringify(toCloudEvent(event))
  } catch (cause) {
    const message = `the data can't be written as JSON: ${toError(cause).message}`
    throw new MessageProcessingError('EVENT_REFUSED', message, { cause })
  }
}

function allAttributesOf(event: SinkEvent): Attributes & Record<string, unknown> {
  const attributes = attributesOf(event) as Attributes & Record<string, unknown>
  addExtensions(attributes, event.event.headers)
  return attributes
}

/** Those that CloudEvents knows by name. */
export function attributesOf({ event, stream, position, part }: SinkEvent): Attributes {
  const { headers, key } = event
  const id = event.id || position
  const attributes: { -readonly [Name in keyof Attributes]: Attributes[Name] } = {
    specversion: '1.0',
    id: part > 0 ? `${id}/${part}` : id,
    source: headers['source'] || encodeURI(stream),
    type: event.type || stream,
    time: timeOf(event.time, position),
    datacontenttype: headers['datacontenttype'] || 'application/json',
  }
  // Not by a spread, which costs more than all of the above.
  if (key) attributes.partitionkey = key
  return attributes
}

/**
 * Adds what else an event carries. Names that are right as they are come first, so that none of them is displaced by one that
 * has to be changed.
 *
 * @param prefix what each attribute is called with
 */
export function addExtensions(
  attributes: Record<string, unknown>,
  headers: Readonly<Record<string, string>>,
  prefix = '',
): void {
  const others: string[] = []
  for (const name in headers) {
    if (OWN.has(name) || !headers[name]) continue
    if (ATTRIBUTE_NAME.test(name)) attributes[`${prefix}${name}`] = headers[name]
    else others.push(name)
  }
  for (const name of others) attributes[freeName(attributes, name, prefix)] = headers[name]
}

function freeName(attributes: Record<string, unknown>, header: string, prefix: string): string {
  const name = header.toLowerCase().replaceAll(/[^a-z0-9]/g, '') || 'header'
  let free = name
  for (let number = 2; `${prefix}${free}` in attributes || OWN.has(free); number++) free = `${name}${number}`
  return `${prefix}${free}`
}

function timeOf(time: string, position: string): string {
  if (DATE_TIME.test(time)) return time
  return new Date(Math.min(positionTime(position), LATEST_TIME)).toISOString()
}
