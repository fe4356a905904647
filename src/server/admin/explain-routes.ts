import { z } from '@hono/zod-openapi'
import { VERDICTS } from '../../core/explain.ts'
import { InvalidError } from '../../core/errors.ts'
import { adminRoute, type Admin } from './admin-route.ts'
import { given, nameOf } from './inputs.ts'

export const ExplanationSchema = z
  .object({
    stream: z.string(),
    group: z.string(),
    verdict: z.enum(VERDICTS),
    severity: z.enum(['ok', 'warning', 'critical']),
    summary: z.string(),
    evidence: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    also: z.array(z.enum(VERDICTS)),
    commands: z.array(z.string()),
  })
  .openapi('GroupExplanation', {
    example: {
      stream: 'user:events',
      group: 'mailer',
      verdict: 'no-consumers',
      severity: 'critical',
      summary: 'nobody reads, and 31 entries wait',
      evidence: { behind: 31, consumers: 0 },
      also: [],
      commands: ['millrace group info user:events mailer'],
    },
  })

/** How old a look at everything may be, which is dear; one at a single stream is made anew. */
const ALL_AGE_MS = 2_000

const query = z.object({
  stream: nameOf('stream name', 'user:events').optional(),
  group: nameOf('group name', 'mailer').optional(),
})

/** Why is it stuck? */
export function addExplainRoutes(admin: Admin): void {
  const route = {
    summary: 'What is the matter with groups, gravest first, and what to do about it',
    query,
    answer: z.object({ groups: z.array(ExplanationSchema) }),
  }
  adminRoute(admin, 'get', '/explain', route, async ({ query }) => {
    const { stream, group } = query
    if (stream === undefined && group !== undefined)
      throw new InvalidError('CONFIGURATION_INVALID', 'the query does not fit', [
        { path: 'stream', message: 'is required where there is a group' },
      ])
    if (stream === undefined) return { groups: [...(await admin.looks.explain.get(ALL_AGE_MS)).values()] }
    return { groups: await admin.ports.operations().explain.explain(given({ stream, group })) }
  })
}
