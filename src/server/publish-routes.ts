import { CORRELATION_ID } from '../core/correlation.ts'
import type { NewEvent } from '../core/event.ts'
import { answerJson } from './answer.ts'
import { addEndpoint, type ServerApp } from './endpoint.ts'
import { inTermsOfRequest, publishBatch } from './publish-batch.ts'
import type { ServerPorts } from './ports.ts'
import {
  BatchSchema,
  EventSchema,
  IdempotencyHeaders,
  PublishedBatchSchema,
  PublishedSchema,
} from './schemas.ts'
import type { EventInput } from './schemas.ts'

export interface PublishLimits {
  /** Largest body of a request with one event. */
  bodyBytes: number
  /** Largest body of a request with a batch. */
  batchBodyBytes: number
  batchEvents: number
  /** How deep the JSON of a request may be nested. */
  jsonDepth: number
}

const tag = 'Events'

export function addPublishRoutes(app: ServerApp, ports: ServerPorts, limits: PublishLimits): void {
  addCustom(app, ports, limits)
  addBatch(app, ports, limits)
}

function addCustom(app: ServerApp, ports: ServerPorts, { bodyBytes, jsonDepth }: PublishLimits): void {
  const endpoint = {
    method: 'post',
    path: '/api/events/custom',
    tag,
    scope: 'publish',
    correlates: true,
    summary: 'Publishes one event',
    headers: IdempotencyHeaders,
    body: { schema: EventSchema, limitBytes: bodyBytes, jsonDepth },
    answers: { 201: { description: 'It was published', schema: PublishedSchema } },
  } as const
  addEndpoint(app, endpoint, async (c, { headers, body }) => {
    const event = toEvent(body, c.get('correlationId'), headers['Idempotency-Key'])
    const messageId = await publishOne(ports, body.streamName, event)
    return answerJson(c, { success: true, messageId }, 201)
  })
}

async function publishOne(ports: ServerPorts, stream: string, event: NewEvent): Promise<string> {
  try {
    const prepared = ports.prepare(stream, event)
    const [result] = await ports.publish(stream, [prepared instanceof Promise ? await prepared : prepared])
    if (typeof result === 'string') return result
    throw result ?? new Error('the publisher gave no result')
  } catch (error) {
    throw inTermsOfRequest(error)
  }
}

function addBatch(
  app: ServerApp,
  ports: ServerPorts,
  { batchBodyBytes, batchEvents, jsonDepth }: PublishLimits,
): void {
  const endpoint = {
    method: 'post',
    path: '/api/events/batch',
    tag,
    scope: 'publish',
    correlates: true,
    summary: 'Publishes events; none where one of them is at fault',
    headers: IdempotencyHeaders,
    body: { schema: BatchSchema(batchEvents), limitBytes: batchBodyBytes, jsonDepth },
    answers: {
      201: {
        description: 'All were published; the ids in the order of the events',
        schema: PublishedBatchSchema,
      },
    },
  } as const
  addEndpoint(app, endpoint, async (c, { headers, body }) => {
    const key = headers['Idempotency-Key']
    const items = body.events.map((input, index) => ({
      stream: input.streamName,
      event: toEvent(input, c.get('correlationId'), key === undefined ? undefined : `${key}/${index}`),
    }))
    const messageIds = await publishBatch(ports, items)
    return answerJson(c, { success: true, messageIds, count: messageIds.length }, 201)
  })
}

function toEvent(
  { eventType, payload, key }: EventInput,
  correlationId: string,
  idempotencyKey: string | undefined,
): NewEvent {
  return {
    type: eventType,
    data: payload,
    headers: { [CORRELATION_ID]: correlationId },
    ...(key !== undefined && { key }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  }
}
