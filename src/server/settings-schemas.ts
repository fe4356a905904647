import { z } from '@hono/zod-openapi'

const success = z.literal(true)
const json = z.unknown().openapi({ description: 'Any JSON' })
const version = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

export const SettingsSchema = z
  .object({
    success,
    version: version.openapi({ description: 'Grows by 1 with each change' }),
    settings: z.array(
      z.object({
        name: z.string().openapi({ example: 'log.level' }),
        value: json.openapi({ description: 'What holds', example: 'debug' }),
        configured: json.openapi({ example: 'info' }),
        override: json.openapi({
          description: 'What operators have set; null for nothing',
          example: 'debug',
        }),
      }),
    ),
  })
  .openapi('Settings')

/** What the settings may be is checked where they are known, with all mistakes at once. */
export const SettingsPatchSchema = z
  .strictObject({
    settings: z.record(z.string(), z.unknown()).openapi({
      description: 'New values by name; null takes one away, so that what is configured holds again',
      example: { 'log.level': 'debug', 'rateLimit.max': null, streams: { 'user:events': 'paused' } },
    }),
    version: version.optional().openapi({ description: 'Change nothing unless this is the version' }),
    reason: z
      .string()
      .max(1000)
      .refine((text) => text.isWellFormed(), 'must be well-formed text')
      .optional(),
  })
  .openapi('SettingsPatch')

export const SettingsPatchHeaders = z.object({
  'If-Match': z
    .string()
    .regex(/^("\d{1,15}"|\*)$/, 'must be the ETag of the settings, such as "7", or *')
    .optional()
    .openapi({ description: 'Change nothing unless this is the version; * for any' }),
})

export const HistoryQuerySchema = z.object({
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(1, 'must be at least 1').max(500, 'must be at most 500'))
    .default(50)
    .openapi({ type: 'integer', minimum: 1, maximum: 500, default: 50 }),
  after: z
    .string()
    .regex(/^\d{1,15}-\d{1,15}$/, 'must be the `next` of the page before')
    .optional(),
})

export const HistorySchema = z
  .object({
    success,
    changes: z.array(
      z.object({
        id: z.string(),
        time: z.iso.datetime(),
        version,
        actor: z.string(),
        reason: z.string(),
        changes: z.array(z.object({ name: z.string(), from: json, to: json })),
      }),
    ),
    next: z.string().optional(),
  })
  .openapi('SettingsHistory')
