import type { JobPreview, JobRun } from '../../core/jobs.ts'
import type { ReplayProgress, ReplayRange, Replays, ReplayRequest } from '../../core/replay.ts'
import { toPlace } from './params.ts'

/** As `from` and `to` stand in the parameters of a job. */
export function toRange(stream: string, from: string | undefined, to: string | undefined): ReplayRange {
  return {
    stream,
    ...(from !== undefined && { from: toPlace(from) }),
    ...(to !== undefined && { to: toPlace(to) }),
  }
}

export async function previewRange(
  replays: Replays,
  range: ReplayRange,
): Promise<Pick<JobPreview, 'count' | 'unit' | 'complete' | 'detail'>> {
  const { entries, complete, first, last } = await replays.count(range)
  const detail = { ...(first !== undefined && { first }), ...(last !== undefined && { last }) }
  return { count: entries, unit: 'entries', complete, detail }
}

const nameOf = (id: string): string => `job ${id}`

/** For a job that was cancelled while nobody ran it. */
export const letGoOf =
  (replays: Replays) =>
  ({ stream }: { readonly stream: string }, id: string): Promise<void> =>
    replays.letGo(stream, nameOf(id))

/**
 * Copies a range in the name of a job: whoever runs the job next goes on with the same replay, which remembers what was
 * copied in the step that copies it. So each entry is copied once, whatever becomes of the runners.
 */
export async function runReplay(
  replays: Replays,
  run: JobRun,
  range: ReplayRange,
  target: ReplayRequest['target'],
): Promise<Readonly<Record<string, unknown>>> {
  let total = run.resumeFrom?.['total'] as number | undefined
  if (!run.resumeFrom) {
    const count = await replays.count(range)
    if (count.complete) total = count.entries
    await run.checkpoint(total === undefined ? {} : { total })
  }
  const request: ReplayRequest = {
    ...range,
    ...run.operator,
    name: nameOf(run.id),
    target,
    ratePerSecond: () => run.ratePerSecond,
    signal: run.cancelled,
    leave: run.signal,
    onProgress: ({ copied, skipped }) =>
      run.progress({ done: copied + skipped, unit: 'entries', ...(total !== undefined && { total }) }),
  }
  let progress: ReplayProgress
  // A runner that was cancelled long ago may wake up and stop what another one goes on with.
  do progress = await replays.replay(request)
  while (progress.state === 'stopped' && !run.signal.aborted)
  const { copied, skipped, from, to } = progress
  return { copied, skipped, from, to }
}
