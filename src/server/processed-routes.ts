import { answerJson } from './answer.ts'
import { addEndpoint, type ServerApp } from './endpoint.ts'
import type { EventPage } from '../core/processed-events.ts'
import type { ServerPorts } from './ports.ts'
import { ProcessedEventsQuerySchema, ProcessedEventsSchema, StatsSchema } from './schemas.ts'

const tag = 'Audit trail'

export function addProcessedRoutes(app: ServerApp, { processedEvents }: ServerPorts): void {
  const list = {
    method: 'get',
    path: '/api/events/processed',
    tag,
    scope: 'read',
    summary: 'The events that were consumed, newest first',
    query: ProcessedEventsQuerySchema,
    answers: { 200: { description: 'A page of them', schema: ProcessedEventsSchema } },
  } as const
  addEndpoint(app, list, async (c, { query: { limit, offset, eventType, processed } }) => {
    const query: EventPage = {
      limit,
      offset,
      ...(eventType !== undefined && { eventType }),
      ...(processed !== undefined && { processed }),
    }
    const { events, total } = await processedEvents.list(query)
    return answerJson(c, { success: true, events, total, limit, offset })
  })

  const stats = {
    method: 'get',
    path: '/api/events/stats',
    tag,
    scope: 'read',
    summary: 'How many events were consumed, and how that went',
    answers: { 200: { description: 'The counts', schema: StatsSchema } },
  } as const
  addEndpoint(app, stats, async (c) => answerJson(c, { success: true, stats: await processedEvents.stats() }))
}
