import { z } from '@hono/zod-openapi'
import { JOB_KINDS } from '../../core/jobs.ts'

const json = z.record(z.string(), z.unknown())

export const JOB_STATES = ['queued', 'running', 'interrupted', 'cancelled', 'done', 'failed'] as const

export const JobSchema = z
  .looseObject({
    id: z.string(),
    kind: z.enum(JOB_KINDS),
    params: json,
    state: z.enum(JOB_STATES),
    progress: z.looseObject({
      done: z.number(),
      total: z.number().optional(),
      unit: z.enum(['entries', 'letters', 'streams']),
      note: z.string().optional(),
    }),
    ratePerSecond: z.number().optional(),
    actor: z.string(),
    reason: z.string(),
    createdAt: z.string(),
    startedAt: z.string().optional(),
    updatedAt: z.string(),
    finishedAt: z.string().optional(),
    runner: z.string().optional(),
    host: z.string().optional(),
    result: json.optional(),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
    history: z.array(z.object({ time: z.string(), action: z.string(), actor: z.string() })),
  })
  .openapi('Job', {
    example: {
      id: '42',
      kind: 'replay',
      params: { stream: 'user:events', target: { group: 'mailer' } },
      state: 'running',
      progress: { done: 12_000, total: 80_000, unit: 'entries' },
      ratePerSecond: 1000,
      actor: 'ada@example.com',
      reason: 'see ticket 4711',
      createdAt: '2026-01-28T10:00:00.000Z',
      updatedAt: '2026-01-28T10:00:12.000Z',
      history: [],
    },
  })

export const PreviewSchema = z
  .looseObject({
    kind: z.enum(JOB_KINDS),
    params: json,
    count: z.number(),
    unit: z.enum(['entries', 'letters', 'streams']),
    complete: z.boolean(),
    detail: json,
  })
  .openapi('JobPreview', {
    example: { kind: 'trim', params: {}, count: 80_000, unit: 'entries', complete: true, detail: {} },
  })

export const ratePerSecond = z.number().min(0.001).max(10_000_000).optional().openapi({
  description: 'How much it may do in a second; as much as it can, where it is left out',
  example: 1000,
})
