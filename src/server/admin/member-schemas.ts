import { z } from '@hono/zod-openapi'

/** What consumers and pending entries look like in answers. */

export const ConsumerSchema = z
  .object({
    name: z.string(),
    pending: z.number().int(),
    idleMs: z.number().int(),
    heartbeatMs: z.number().int().optional().openapi({ description: 'Of consumers of Millrace' }),
    state: z.enum(['live', 'dead', 'retry']),
  })
  .openapi('Consumer', {
    example: { name: 'pod-1', pending: 12, idleMs: 40, heartbeatMs: 900, state: 'live' },
  })

export const PendingSchema = z
  .object({
    position: z.string(),
    consumer: z.string(),
    idleMs: z.number().int(),
    deliveries: z.number().int(),
    dueAt: z.number().int().optional().openapi({ description: 'When its retry is due, in ms since 1970' }),
  })
  .openapi('PendingEntry', {
    example: { position: '1769594400000-0', consumer: 'pod-1', idleMs: 40, deliveries: 1 },
  })

export const PendingResultSchema = z.looseObject({
  dryRun: z.boolean(),
  done: z.number().int(),
  missing: z.number().int().openapi({ description: 'Those that are not pending, or not any more' }),
})
