import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { fromCloudEvent, identityKey } from '../core/cloud-event.ts'
import { CORRELATION_ID } from '../core/correlation.ts'
import { InvalidError, MillraceError, type Issue } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import { answerJson } from './answer.ts'
import { BATCH_TYPE, EVENT_TYPE, readCloudEvents, type CloudEventsBody } from './cloud-event-modes.ts'
import { addEndpoint, type ServerApp } from './endpoint.ts'
import { HttpError } from './http-error.ts'
import type { ServerPorts } from './ports.ts'
import { inTermsOfRequest, publishBatch, type RequestTerms } from './publish-batch.ts'
import type { PublishLimits } from './publish-routes.ts'
import type { ServerEnv } from './server-env.ts'
import { IdempotencyHeaders, PublishedBatchSchema, StreamParams } from './schemas.ts'

/** For the documentation; what is checked is checked by `fromCloudEvent`, which the file source uses as well. */
const CloudEventSchema = z
  .looseObject({
    specversion: z.literal('1.0'),
    id: z.string(),
    source: z.string(),
    type: z.string(),
    time: z.string().optional(),
    subject: z.string().optional(),
    partitionkey: z.string().optional().openapi({ description: 'Events of one key keep their order' }),
    datacontenttype: z.string().optional(),
    dataschema: z.string().optional(),
    data: z.unknown().openapi({ description: 'Any JSON' }),
  })
  .openapi('CloudEvent', {
    example: {
      specversion: '1.0',
      id: '17',
      source: '/notebook',
      type: 'note.added',
      time: '2026-01-28T10:00:00Z',
      data: { text: 'Hello!' },
    },
  })

/** Takes CloudEvents 1.0 in each of their modes. */
export function addCloudEventRoutes(app: ServerApp, ports: ServerPorts, limits: PublishLimits): void {
  const batch = z.array(CloudEventSchema).min(1).max(limits.batchEvents)
  const endpoint = {
    method: 'post',
    path: '/api/events/cloudevents/{stream}',
    tag: 'Events',
    scope: 'publish',
    correlates: true,
    summary:
      'Publishes CloudEvents: structured, a batch, or binary (ce-* headers). One that comes again, by its source and id, is written once',
    params: StreamParams,
    headers: IdempotencyHeaders,
    body: {
      schema: z.custom<CloudEventsBody>(),
      limitBytes: limits.batchBodyBytes,
      read: (c: Context<ServerEnv>) => readCloudEvents(c, limits),
      media: { [EVENT_TYPE]: CloudEventSchema, [BATCH_TYPE]: batch, 'application/json': z.unknown() },
    },
    answers: {
      201: {
        description: 'All were published; the ids of their entries in the order of the events',
        schema: PublishedBatchSchema,
      },
    },
  } as const
  addEndpoint(app, endpoint, async (c, { params, headers, body }) => {
    const terms = termsOf(body)
    const events = eventsOf(body, terms).map((event, index) => ({
      ...event,
      headers: { [CORRELATION_ID]: c.get('correlationId'), ...event.headers },
      idempotencyKey: keyOf(event, headers['Idempotency-Key'], body.isBatch ? index : undefined),
    }))
    const messageIds = await published(ports, params.stream, events, body.isBatch, terms)
    return answerJson(c, { success: true, messageIds, count: messageIds.length }, 201)
  })
}

type Identified = ReturnType<typeof fromCloudEvent>

const keyOf = (event: Identified, given: string | undefined, index: number | undefined): string => {
  if (given === undefined) return identityKey(event)
  return index === undefined ? given : `${given}/${index}`
}

const termsOf = ({ isBatch }: CloudEventsBody): RequestTerms => ({
  item: (index) => (isBatch ? String(index) : ''),
  data: 'data',
})

/** @throws HttpError with every attribute at fault */
function eventsOf({ events }: CloudEventsBody, { item }: RequestTerms): Identified[] {
  const issues: Issue[] = []
  const taken: Identified[] = []
  for (const [index, event] of events.entries()) {
    try {
      taken.push(fromCloudEvent(event))
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error
      const place = (path: string) => [item(index), path].filter(Boolean).join('.')
      issues.push(...error.issues.map(({ path, message }) => ({ path: place(path), message })))
    }
  }
  if (issues.length === 0) return taken
  const [{ path, message }, ...others] = issues as [Issue, ...Issue[]]
  const more = others.length > 0 ? `; and ${others.length} more` : ''
  throw new HttpError('REQUEST_INVALID', `the body is no CloudEvent: ${path} ${message}${more}`, { issues })
}

/** One event fails as what is wrong with it; of a batch each has a result. */
async function published(
  ports: ServerPorts,
  stream: string,
  events: readonly NewEvent[],
  isBatch: boolean,
  terms: RequestTerms,
): Promise<string[]> {
  if (isBatch)
    return publishBatch(
      ports,
      events.map((event) => ({ stream, event })),
      terms,
    )
  try {
    const [result] = await ports.publish(stream, [await ports.prepare(stream, events[0]!)])
    if (typeof result === 'string') return [result]
    throw result ?? new MillraceError('PUBLISH_FAILED', 'the publisher gave no result')
  } catch (error) {
    throw inTermsOfRequest(error, terms)
  }
}
