import { z } from '@hono/zod-openapi'
import { MillraceError } from '../core/errors.ts'
import { checkName } from '../core/names.ts'
import { isReservedName } from '../core/reserved-names.ts'

/** A name that the core allows, with the core's own words where it does not. */
const name = (what: string, check = (text: string) => checkName(what, text)) =>
  z.string().superRefine((text, context) => {
    try {
      check(text)
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      context.addIssue({ code: 'custom', message: error.message, params: { code: error.code } })
    }
  })

/** Whoever may publish may not do so to what Millrace keeps for itself. */
function checkStreamName(text: string): void {
  checkName('stream name', text)
  if (isReservedName(text))
    throw new MillraceError(
      'NAME_INVALID',
      `the stream name ${JSON.stringify(text)} is of a kind that Millrace keeps for itself; choose another one`,
    )
}

/** Any JSON, but there must be some. */
const json = z
  .unknown()
  .refine((value) => value !== undefined, 'is required')
  .openapi({ type: ['object', 'array', 'string', 'number', 'boolean', 'null'], description: 'Any JSON' })

/** The examples name what no app is likely to declare: they are there to be tried, and would be refused. */
export const EventSchema = z
  .object({
    streamName: name('stream name', checkStreamName).openapi({ example: 'notes' }),
    eventType: name('event type').openapi({ example: 'note.added' }),
    payload: json.openapi({ example: { text: 'Hello!' } }),
    key: name('key')
      .optional()
      .openapi({ description: 'Events of one key keep their order', example: 'note-1' }),
  })
  .openapi('Event')

export type EventInput = z.output<typeof EventSchema>

export const BatchSchema = (maxEvents: number) =>
  z.object({ events: z.array(EventSchema).min(1).max(maxEvents) })

/** A stream that may be published to, in a path. */
export const StreamParams = z.object({
  stream: name('stream name', checkStreamName).openapi({ example: 'notes' }),
})

export const IdempotencyHeaders = z.object({
  'Idempotency-Key': name('Idempotency-Key')
    // Shorter than a name may be: each event of a batch gets the key with its index behind it.
    .max(240)
    .optional()
    .openapi({ description: 'Publishing again with the same key within its time to live writes once' }),
})

const success = z.literal(true)

export const PublishedSchema = z.object({ success, messageId: z.string() }).openapi('Published')

export const PublishedBatchSchema = z
  .object({ success, messageIds: z.array(z.string()), count: z.number().int() })
  .openapi('PublishedBatch')

/** A whole number in a query, where everything is text. */
const wholeNumber = (min: number, max: number, standard: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))
    .default(standard)
    .openapi({ type: 'integer', minimum: min, maximum: max, default: standard })

export const ProcessedEventsQuerySchema = z.object({
  limit: wholeNumber(1, 5000, 50),
  offset: wholeNumber(0, Number.MAX_SAFE_INTEGER, 0),
  eventType: z.string().min(1).optional(),
  processed: z
    .enum(['true', 'false'])
    .transform((word) => word === 'true')
    .optional()
    .openapi({ type: 'boolean' }),
})

const time = z.iso.datetime()

export const ProcessedEventsSchema = z
  .object({
    success,
    events: z.array(
      z
        .object({
          id: z.string(),
          streamId: z.string(),
          streamName: z.string(),
          eventType: z.string(),
          payload: z.unknown().openapi({ description: 'Any JSON' }),
          processed: z.boolean(),
          processedAt: time.nullable(),
          consumerId: z.string().nullable(),
          userId: z.string().nullable(),
          error: z.string().nullable(),
          createdAt: time,
        })
        .openapi('ProcessedEvent'),
    ),
    total: z.number().int(),
    limit: z.number().int(),
    offset: z.number().int(),
  })
  .openapi('ProcessedEvents')

export const StatsSchema = z
  .object({
    success,
    stats: z.object({
      total: z.number().int(),
      processed: z.number().int(),
      pending: z.number().int(),
      errors: z.number().int(),
      eventTypes: z.array(z.object({ eventType: z.string(), count: z.number().int() })),
    }),
  })
  .openapi('Stats')

const health = z.enum(['healthy', 'degraded', 'unhealthy'])

export const HealthSchema = z
  .object({
    status: health,
    timestamp: time,
    service: z.object({
      name: z.string(),
      version: z.string(),
      uptime: z.number().int().openapi({ description: 'Seconds' }),
    }),
    checks: z.record(z.string(), z.looseObject({ status: health })),
  })
  .openapi('Health')

export const ReadySchema = z.object({ status: z.literal('ready') })
export const NotReadySchema = z.object({ status: z.literal('not_ready'), reason: z.string() })

export const ServiceSchema = z
  .object({ name: z.string(), version: z.string(), links: z.record(z.string(), z.string()) })
  .openapi('Service')

export const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    results: z
      .array(
        z.union([
          z.object({ messageId: z.string() }),
          z.object({ status: z.number().int(), code: z.string(), detail: z.string() }),
        ]),
      )
      .optional(),
  })
  .openapi('Problem')
