import { createHash } from 'node:crypto'
import type { EventData } from '@azure/event-hubs'
import type { SinkEvent } from '../../../core/sink.ts'
import { attributesOf } from '../../cloud-event.ts'

/** What Event Hubs takes as a partition key, in characters. */
const MAX_KEY_LENGTH = 128
/** What the client takes as the id of a message; what is longer is in `cloudEvents:id` only. */
const MAX_MESSAGE_ID_LENGTH = 128
/** Those that nearly every event has: a name that is put together for each costs as much as the rest of the message. */
const PROPERTIES: ReadonlyMap<string, string> = new Map(
  ['specversion', 'id', 'source', 'type', 'time', 'partitionkey'].map((name) => [
    name,
    `cloudEvents:${name}`,
  ]),
)
const JSON_TYPE = /[/+]json(?:;|$)/i

/** An event in the AMQP binding of CloudEvents 1.0, binary mode: the body is the data, attributes are properties. */
export function toMessage(event: SinkEvent): EventData {
  const attributes = attributesOf(event)
  const { id, datacontenttype } = attributes
  const properties: Record<string, unknown> = {}
  for (const name in attributes)
    if (name !== 'datacontenttype') properties[propertyOf(name)] = attributes[name]
  return {
    body: Buffer.from(bodyOf(event, datacontenttype)),
    contentType: datacontenttype,
    properties,
    ...(id.length <= MAX_MESSAGE_ID_LENGTH && { messageId: id }),
  }
}

function bodyOf({ event: { data }, dataJson }: SinkEvent, contentType: string): string {
  if (typeof data === 'string' && !JSON_TYPE.test(contentType)) return data
  return dataJson ?? JSON.stringify(data === undefined ? null : data)
}

const propertyOf = (attribute: string): string => PROPERTIES.get(attribute) ?? `cloudEvents:${attribute}`

/** Events of one key go to one partition. A key that is too long is represented by its hash. */
export function partitionKeyOf({ event: { key } }: SinkEvent): string | undefined {
  if (!key) return undefined
  return key.length <= MAX_KEY_LENGTH ? key : createHash('sha256').update(key).digest('base64url')
}
