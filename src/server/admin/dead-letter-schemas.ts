import { z } from '@hono/zod-openapi'
import { moment, nameOf } from './inputs.ts'
import { EventSchema } from './stream-schemas.ts'

/** What dead letters look like, and how some of them are chosen. */

export const DeadLetterSchema = z
  .object({
    id: z.string(),
    stream: z.string(),
    group: z.string(),
    position: z.string(),
    type: z.string(),
    event: EventSchema.optional(),
    undecodable: z.string().optional(),
    error: z.string(),
    reason: z.string(),
    attempts: z.number().int(),
    consumer: z.string(),
    time: z.string(),
    fields: z.array(z.string()),
    original: z.array(z.string()).optional(),
  })
  .openapi('DeadLetter', {
    example: {
      id: '1769594400000-0',
      stream: 'user:events',
      group: 'mailer',
      position: '1769594300000-0',
      type: 'user.created',
      error: 'SMTP_DOWN',
      reason: 'connection refused',
      attempts: 5,
      consumer: 'pod-1',
      time: '2026-01-28T10:00:00.000Z',
      fields: ['type', 'user.created', 'data', '{}'],
    },
  })

export const DeadLetterSummarySchema = z
  .object({
    total: z.number().int(),
    counts: z.array(
      z.object({
        group: z.string(),
        error: z.string(),
        type: z.string(),
        count: z.number().int(),
        oldest: z.string(),
        newest: z.string(),
      }),
    ),
    complete: z.boolean().openapi({ description: 'False where there are more than were looked at' }),
  })
  .openapi('DeadLetterSummary', { example: { total: 3, counts: [], complete: true } })

const word = z.string().min(1).max(256).optional()
const words = { group: nameOf('group name', 'mailer').optional(), type: word, error: word }

/** In a query. */
export const filterFields = { ...words, from: moment.optional(), to: moment.optional() }

/** In the body of a job, which reads the times itself, as they were written. */
export const filterBody = z.strictObject({
  ...words,
  from: z.string().max(40).optional(),
  to: z.string().max(40).optional(),
})

export const letterIds = z.array(z.string().max(50)).min(1).max(5_000)
