import { createHash } from 'node:crypto'
import type { EventData } from '@azure/event-hubs'
import type { SinkEvent } from '../../../core/sink.ts'
import { toCloudEvent } from '../../cloud-event.ts'

/** What Event Hubs takes as a partition key, in characters. */
const MAX_KEY_LENGTH = 128
/** What the client takes as the id of a message; what is longer is in `cloudEvents:id` only. */
const MAX_MESSAGE_ID_LENGTH = 128
const JSON_TYPE = /[/+]json(?:;|$)/i

/** An event in the AMQP binding of CloudEvents 1.0, binary mode: the body is the data, attributes are properties. */
export function toMessage(event: SinkEvent): EventData {
  const attributes = toCloudEvent(event)
  const { id, data, datacontenttype } = attributes
  const properties: Record<string, unknown> = {}
  for (const name in attributes)
    if (name !== 'data' && name !== 'datacontenttype') properties[`cloudEvents:${name}`] = attributes[name]
  const isText = typeof data === 'string' && !JSON_TYPE.test(datacontenttype)
  return {
    body: Buffer.from(isText ? data : JSON.stringify(data)),
    contentType: datacontenttype,
    properties,
    ...(id.length <= MAX_MESSAGE_ID_LENGTH && { messageId: id }),
  }
}

/** Events of one key go to one partition. A key that is too long is represented by its hash. */
export function partitionKeyOf({ event: { key } }: SinkEvent): string | undefined {
  if (!key) return undefined
  return key.length <= MAX_KEY_LENGTH ? key : createHash('sha256').update(key).digest('base64url')
}
