import { z } from '@hono/zod-openapi'

/** What streams and groups look like in answers. */

const lag = z.union([z.number().int(), z.literal('unknown')])

export const StreamOverviewSchema = z
  .object({
    stream: z.string(),
    length: z.number().int(),
    groups: z.number().int(),
    consumers: z.number().int(),
    pending: z.number().int(),
    lag: lag.openapi({ description: 'Of the slowest group' }),
    lastEntryAt: z.number().int().optional().openapi({ description: 'ms since 1970' }),
    deadLetters: z.number().int(),
  })
  .openapi('StreamOverview', {
    example: {
      stream: 'user:events',
      length: 120_000,
      groups: 2,
      consumers: 4,
      pending: 12,
      lag: 31,
      lastEntryAt: 1_769_594_400_000,
      deadLetters: 3,
    },
  })

export const StreamPageSchema = z.object({
  streams: z.array(StreamOverviewSchema),
  total: z.number().int().openapi({ description: 'How many match' }),
  next: z.string().optional(),
})

export const GroupLagSchema = z
  .object({
    group: z.string(),
    behind: lag.openapi({ description: 'Entries that are there and were not delivered to it yet' }),
    pending: z.number().int(),
    waiting: z.number().int().openapi({ description: 'Of the pending ones, those that wait for a retry' }),
    oldestPendingAgeMs: z.number().optional(),
    lastDelivered: z.string(),
    pausedSince: z.number().int().optional().openapi({ description: 'ms since 1970; absent while it runs' }),
  })
  .openapi('GroupLag', {
    example: { group: 'mailer', behind: 31, pending: 12, waiting: 2, lastDelivered: '1769594400000-0' },
  })

export const HoldSchema = z
  .object({
    name: z.string(),
    position: z.string(),
    expiresAt: z.number().int().optional().openapi({ description: 'ms since 1970' }),
  })
  .openapi('Hold', { example: { name: 'nightly', position: '1769594400000-0' } })

export const RetentionSchema = z
  .object({
    policy: z.record(z.string(), z.unknown()).openapi({ description: 'As the app declares it' }),
    blockers: z.array(
      z.object({
        kind: z.enum(['group', 'declared', 'hold']),
        name: z.string(),
        position: z.string(),
        since: z.number(),
      }),
    ),
    abandoned: z.array(z.object({ group: z.string(), silentMs: z.number(), pending: z.number().int() })),
  })
  .openapi('Retention', { example: { policy: { maxLength: 100_000 }, blockers: [], abandoned: [] } })

export const StreamDetailSchema = z.object({
  stream: z.string(),
  length: z.number().int(),
  first: z.string().optional(),
  last: z.string().optional(),
  lastGenerated: z.string(),
  deadLetters: z.number().int(),
  groupCount: z.number().int(),
  groups: z.array(GroupLagSchema),
  holds: z.array(HoldSchema),
  trimmedUnread: z.record(z.string(), z.number().int()).openapi({
    description: 'By group: entries that a limit dropped before they were delivered to it',
  }),
  retention: RetentionSchema.optional().openapi({ description: 'Where the app declares some' }),
})

export const ActionSchema = z
  .object({
    id: z.string(),
    time: z.string(),
    action: z.string(),
    actor: z.string(),
    reason: z.string(),
    stream: z.string(),
    group: z.string().optional(),
    count: z.number().int(),
    ids: z.array(z.string()),
    run: z.string(),
    detail: z.record(z.string(), z.string()),
  })
  .openapi('ActionRecord', {
    example: {
      id: '1769594400000-0',
      time: '2026-01-28T10:00:00.000Z',
      action: 'pause',
      actor: 'ada@example.com',
      reason: 'see ticket 4711',
      stream: 'user:events',
      group: 'mailer',
      count: 0,
      ids: [],
      run: '5e1f',
      detail: {},
    },
  })

export const EventSchema = z.looseObject({ id: z.string(), type: z.string() }).openapi('DecodedEvent', {
  example: { id: '1769594400000-0', type: 'user.created', data: { userId: '1' }, headers: {} },
})

export const EntrySchema = z
  .object({
    position: z.string(),
    fields: z.array(z.string()).openapi({ description: 'Names and values in turn, as text' }),
    bytes: z.number().int(),
    truncated: z.literal(true).optional().openapi({ description: 'Values are cut, since it is large' }),
    event: EventSchema.optional(),
    undecodable: z.string().optional().openapi({ description: 'Why there is no event' }),
  })
  .openapi('Entry', {
    example: { position: '1769594400000-0', fields: ['type', 'user.created', 'data', '{}'], bytes: 22 },
  })
