import { z } from '@hono/zod-openapi'
import { adminRoute, type Admin } from './admin-route.ts'
import { Change, operatorOf } from './change.ts'
import { nameOf } from './inputs.ts'

const PIPELINES = '/pipelines'
const PIPELINE = `${PIPELINES}/{name}`
const params = z.object({ name: nameOf('pipeline name', 'archive') })

const STATES = [
  'connecting',
  'running',
  'paused',
  'retrying',
  'standby',
  'failed',
  'finished',
  'stopped',
] as const

const PipelineSchema = z
  .object({
    name: z.string(),
    kind: z.enum(['sink', 'source']),
    state: z.enum(STATES).openapi({
      description:
        '`retrying`: its sink or source is away; `standby`: another instance reads its source; `failed`: it waits ' +
        'until `lastError` is mended, and a restart',
    }),
    paused: z.boolean().openapi({ description: 'By an operator, on all instances' }),
    streams: z
      .array(z.string())
      .openapi({ description: 'Those it reads; of a source, the one it publishes to' }),
    group: z.string().optional().openapi({ description: 'Absent for a source' }),
    written: z.number().int().openapi({ description: 'Events since the start of this instance' }),
    refused: z.number().int(),
    held: z.number().int().openapi({ description: 'Events in hand' }),
    lastWriteAt: z.string().optional(),
    lastError: z
      .object({ error: z.string(), message: z.string(), time: z.string() })
      .optional()
      .openapi({ description: 'The last failure, which may be over by now' }),
  })
  .openapi('Pipeline', {
    example: {
      name: 'archive',
      kind: 'sink',
      state: 'running',
      paused: false,
      streams: ['user:events'],
      group: 'archive',
      written: 12_000,
      refused: 0,
      held: 100,
      lastWriteAt: '2026-01-28T10:00:00.000Z',
    },
  })

const one = z.object({ pipeline: PipelineSchema })

/** Pipelines: those of the instance that is asked. A pause holds on all instances, a restart here alone. */
export function addPipelineRoutes(admin: Admin): void {
  const { pipelines } = admin.ports

  const list = {
    summary: 'The pipelines of this instance',
    answer: z.object({ pipelines: z.array(PipelineSchema) }),
  }
  adminRoute(admin, 'get', PIPELINES, list, async () => ({ pipelines: pipelines.list() }))

  const get = { summary: 'One pipeline of this instance', params, answer: one }
  adminRoute(admin, 'get', PIPELINE, get, async ({ params: { name } }) => ({ pipeline: pipelines.get(name) }))

  const pause = {
    summary: 'Let a pipeline take nothing more, on all instances, until it is resumed',
    params,
    body: Change,
    answer: z.object({ paused: z.boolean().openapi({ description: 'Whether it was not paused before' }) }),
  }
  adminRoute(admin, 'post', `${PIPELINE}/pause`, pause, async ({ params: { name }, body }, c) => ({
    paused: await pipelines.pause(name, operatorOf(c, body)),
  }))

  const resume = {
    summary: 'End the pause of a pipeline',
    params,
    body: Change,
    answer: z.object({ resumed: z.boolean().openapi({ description: 'Whether it was paused before' }) }),
  }
  adminRoute(admin, 'post', `${PIPELINE}/resume`, resume, async ({ params: { name }, body }, c) => ({
    resumed: await pipelines.resume(name, operatorOf(c, body)),
  }))

  const restart = {
    summary: 'Let go of the sink or source and connect anew, on this instance; for one that has failed',
    params,
    body: Change,
    answer: one,
  }
  adminRoute(admin, 'post', `${PIPELINE}/restart`, restart, async ({ params: { name }, body }, c) => ({
    pipeline: await pipelines.restart(name, operatorOf(c, body)),
  }))
}
