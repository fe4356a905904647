import { createHash } from 'node:crypto'
import type { EventData } from '@azure/event-hubs'
import { holdsJson } from '../../../core/codec.ts'
import type { SinkEvent } from '../../../core/sink.ts'
import { addExtensions, attributesOf, type Attributes } from '../../cloud-event.ts'

/** What Event Hubs takes as a partition key, in characters. */
const MAX_KEY_LENGTH = 128
/** What the client takes as the id of a message; what is longer is in `cloudEvents:id` only. */
const MAX_MESSAGE_ID_LENGTH = 128
const TRACE = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/

/**
 * The client of Azure starts a span of its own for each message without a `Diagnostic-Id`, an eighth of all that a message
 * costs. Nobody could follow it: the trace of an event is what the event says. Here the client finds one, that of the event
 * or this, which is not written since it does not come up when properties are listed.
 */
class Properties {
  [name: string]: unknown

  static {
    Object.defineProperty(this.prototype, 'Diagnostic-Id', { value: 'none', writable: true })
  }

  constructor({ specversion, id, source, type, time, partitionkey }: Attributes) {
    this['cloudEvents:specversion'] = specversion
    this['cloudEvents:id'] = id
    this['cloudEvents:source'] = source
    this['cloudEvents:type'] = type
    this['cloudEvents:time'] = time
    if (partitionkey !== undefined) this['cloudEvents:partitionkey'] = partitionkey
  }
}

/** An event in the AMQP binding of CloudEvents 1.0, binary mode: the body is the data, attributes are properties. */
export function toMessage(event: SinkEvent): EventData {
  const attributes = attributesOf(event)
  const { id, datacontenttype } = attributes
  const properties = new Properties(attributes)
  const { headers } = event.event
  addExtensions(properties, headers, 'cloudEvents:')
  // By it the tools of Azure know where an event comes from.
  if (TRACE.test(headers['traceparent'] ?? '')) properties['Diagnostic-Id'] = headers['traceparent']
  const body = Buffer.from(bodyOf(event, datacontenttype))
  const message: EventData = { body, contentType: datacontenttype, properties }
  if (id.length <= MAX_MESSAGE_ID_LENGTH) message.messageId = id
  return message
}

function bodyOf({ event: { data }, dataJson }: SinkEvent, contentType: string): string {
  if (typeof data === 'string' && !holdsJson(contentType)) return data
  return dataJson ?? JSON.stringify(data === undefined ? null : data)
}

/** Events of one key go to one partition. A key that is too long is represented by its hash. */
export function partitionKeyOf({ event: { key } }: SinkEvent): string | undefined {
  if (!key) return undefined
  return key.length <= MAX_KEY_LENGTH ? key : createHash('sha256').update(key).digest('base64url')
}
