import { z } from '@hono/zod-openapi'
import { JOB_KINDS, type Jobs } from '../../core/jobs.ts'
import { adminRoute, adminStream, type Admin } from './admin-route.ts'
import { Change, operatorOf } from './change.ts'
import { unavailable, type StreamedEvent } from './event-stream.ts'
import { after, given, limit } from './inputs.ts'
import { JobSchema, JOB_STATES, ratePerSecond } from './job-schemas.ts'

const jobPath = z.object({ id: z.string().min(1).max(100).openapi({ example: '42' }) })

/** Long work: how it stands, and what can be done to it. */
export function addJobRoutes(admin: Admin): void {
  const jobs = () => admin.ports.jobs()
  const answer = z.object({ job: JobSchema })

  const list = {
    summary: 'Jobs, newest first; a page may be short, and yet have a `next`',
    query: z.object({
      kind: z.enum(JOB_KINDS).optional(),
      state: z.enum(JOB_STATES).optional(),
      after: after.optional(),
      limit: limit(500, 50),
    }),
    answer: z.object({ jobs: z.array(JobSchema), next: z.string().optional() }),
  }
  adminRoute(admin, 'get', '/jobs', list, ({ query: { kind, state, after, limit } }) =>
    jobs().list(given({ kind, state }), given({ after, limit })),
  )

  const one = { summary: 'How a job stands', params: jobPath, answer }
  adminRoute(admin, 'get', '/jobs/{id}', one, async ({ params: { id } }) => ({ job: await jobs().get(id) }))

  const common = { params: jobPath, answer }
  const cancel = { ...common, summary: 'End a job between two steps; what was done stays done', body: Change }
  adminRoute(admin, 'post', '/jobs/{id}/cancel', cancel, async ({ params: { id }, body }, c) => ({
    job: await jobs().cancel(id, operatorOf(c, body)),
  }))

  const resume = {
    ...common,
    summary: 'Take up a job that was interrupted, was cancelled or failed, where it was',
    body: Change,
  }
  adminRoute(admin, 'post', '/jobs/{id}/resume', resume, async ({ params: { id }, body }, c) => ({
    job: await jobs().resume(id, operatorOf(c, body)),
  }))

  const pace = {
    ...common,
    summary: 'Set how much a job may do in a second; null for as much as it can',
    body: Change.extend({ ratePerSecond: ratePerSecond.unwrap().nullable() }),
  }
  adminRoute(admin, 'patch', '/jobs/{id}', pace, async ({ params: { id }, body }, c) => ({
    job: await jobs().limit(id, body.ratePerSecond ?? undefined, operatorOf(c, body)),
  }))
  addProgressRoute(admin)
}

function addProgressRoute(admin: Admin): void {
  const route = {
    summary: 'How a job stands, and whenever that changes, until it has ended',
    description: 'events `job`, each a job as a whole; after the end, who comes again is answered 204',
    params: jobPath,
  }
  adminStream(admin, '/jobs/{id}/events', route, async ({ params: { id } }, c) => {
    const jobs = admin.ports.jobs()
    const job = await jobs.get(id)
    // It has been told the end; any other answer, and a browser would come again for ever.
    if (job.finishedAt !== undefined && c.req.header('last-event-id') === job.updatedAt)
      return c.body(null, 204)
    return (signal) => progressOf(jobs, id, signal)
  })
}

async function* progressOf(jobs: Jobs, id: string, signal: AbortSignal): AsyncGenerator<StreamedEvent> {
  try {
    for await (const job of jobs.watch(id, signal)) yield { event: 'job', data: job, id: job.updatedAt }
  } catch (error) {
    yield unavailable(error)
  }
}
