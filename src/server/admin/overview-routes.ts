import { z } from '@hono/zod-openapi'
import type { Severity, Verdict } from '../../core/explain.ts'
import { adminRoute, type Admin } from './admin-route.ts'
import { ExplanationSchema } from './explain-routes.ts'

/** How old verdicts may be here: they are dear, and few change in that time. */
export const VERDICTS_AGE_MS = 10_000
export const STREAMS_AGE_MS = 1_000

const WORST_SHOWN = 10
const RANKS: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, ok: 2 }

const answer = z.object({
  service: z.object({ name: z.string(), version: z.string(), startedAt: z.string() }),
  streams: z.number().int(),
  groups: z.number().int(),
  consumers: z.number().int(),
  entries: z.number().int(),
  pending: z.number().int(),
  deadLetters: z.number().int(),
  severities: z.object({ ok: z.number().int(), warning: z.number().int(), critical: z.number().int() }),
  worst: z
    .array(ExplanationSchema)
    .openapi({ description: `What is not well, gravest first, ${WORST_SHOWN} at most` }),
  jobsRunning: z.number().int(),
})

/** The first page of a dashboard. */
export function addOverviewRoutes(admin: Admin): void {
  const { looks, server } = admin
  adminRoute(admin, 'get', '/overview', { summary: 'All in a few numbers', answer }, async () => {
    const [streams, explained, jobs] = await Promise.all([
      looks.streams.get(STREAMS_AGE_MS),
      looks.explain.get(VERDICTS_AGE_MS),
      looks.jobs.get(STREAMS_AGE_MS),
    ])
    const rows = [...streams.values()]
    const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((all, row) => all + of(row), 0)
    const groups = [...explained.values()]
    const { name, version, startedAt } = server.service
    return {
      service: { name, version, startedAt: startedAt.toISOString() },
      streams: rows.length,
      groups: sum((row) => row.groups),
      consumers: sum((row) => row.consumers),
      entries: sum((row) => row.length),
      pending: sum((row) => row.pending),
      deadLetters: sum((row) => row.deadLetters),
      severities: countSeverities(groups),
      worst: groups
        .filter(({ severity }) => severity !== 'ok')
        .toSorted((a, b) => RANKS[a.severity] - RANKS[b.severity])
        .slice(0, WORST_SHOWN),
      jobsRunning: [...jobs.values()].filter(({ state }) => state === 'running').length,
    }
  })
}

function countSeverities(
  groups: readonly { severity: Severity; verdict: Verdict }[],
): Record<Severity, number> {
  const counts = { ok: 0, warning: 0, critical: 0 }
  for (const { severity } of groups) counts[severity]++
  return counts
}
