import { z } from '@hono/zod-openapi'
import { pause } from '../../core/pause.ts'
import { adminStream, type Admin } from './admin-route.ts'
import type { Cached } from './cached.ts'
import { unavailable, type StreamedEvent } from './event-stream.ts'
import { count } from './inputs.ts'
import { changesOf, type Rows } from './looks.ts'
import { merged } from './merged.ts'
import { STREAMS_AGE_MS, VERDICTS_AGE_MS } from './overview-routes.ts'

const DESCRIPTION =
  'events `streams`, `jobs` and `explain`, each with `full` (true of the first one), `changed` (rows as in the lists) ' +
  'and `removed` (their names); `unavailable` with `of`, `code` and `detail` while one of them can not be told'

/** What a dashboard shows, kept up to date. However many listen, Redis is asked once for all of them. */
export function addLiveRoutes(admin: Admin): void {
  const route = {
    summary: 'What changes: streams and jobs every second, verdicts every 10 s',
    description: DESCRIPTION,
    query: z.object({ intervalMs: count(500, 60_000).default(1_000).openapi({ type: 'integer' }) }),
  }
  adminStream(admin, '/events', route, async ({ query: { intervalMs } }) => {
    const { streams, jobs, explain } = admin.looks
    // So that a service without Redis answers with a problem.
    admin.ports.operations()
    const explainEveryMs = Math.max(intervalMs, VERDICTS_AGE_MS)
    return (signal) =>
      merged([
        feed('streams', streams, intervalMs, signal),
        feed('jobs', jobs, intervalMs, signal),
        feed('explain', explain, explainEveryMs, signal, (key) => JSON.parse(key) as unknown),
      ])
  })
}

/** All rows, and then what changed of them. */
async function* feed<T>(
  event: string,
  look: Cached<Rows<T>>,
  everyMs: number,
  signal: AbortSignal,
  nameOf: (key: string) => unknown = (key) => key,
): AsyncGenerator<StreamedEvent> {
  const maxAgeMs = event === 'explain' ? VERDICTS_AGE_MS : Math.min(everyMs, STREAMS_AGE_MS)
  let before: Rows<T> | undefined
  let failed = false
  while (!signal.aborted) {
    try {
      const rows = await look.get(maxAgeMs * SLACK)
      const { changed, removed } = changesOf(rows, before)
      const full = before === undefined
      before = rows
      if (full || failed || changed.length + removed.length > 0)
        yield { event, data: { full, changed, removed: removed.map(nameOf) } }
      failed = false
    } catch (error) {
      if (!failed) yield unavailable(error, event)
      failed = true
    }
    await pause(everyMs, signal)
  }
}

/** Timers are not exact: one that is a little early must not get what it had before. */
const SLACK = 0.9
