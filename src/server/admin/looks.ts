import { MillraceError } from '../../core/errors.ts'
import type { GroupExplanation } from '../../core/explain.ts'
import type { Job } from '../../core/jobs.ts'
import { groupKey } from '../../core/names.ts'
import type { StreamOverview } from '../../core/stream-catalogue.ts'
import type { AdminPorts } from './admin-ports.ts'
import { Cached } from './cached.ts'

/** Rows by what names them. A row that is as it was is the same object as before, so that it is quick to see what changed. */
export type Rows<T> = ReadonlyMap<string, T>

/** The jobs that a dashboard is told of: the newest ones. */
const JOBS_SHOWN = 50

/** What many ask for again and again, asked for once for all of them. */
export class Looks {
  readonly streams: Cached<Rows<StreamOverview>>
  readonly explain: Cached<Rows<GroupExplanation>>
  readonly jobs: Cached<Rows<Job>>

  constructor({ operations, jobs, stopping: signal }: Pick<AdminPorts, 'operations' | 'jobs' | 'stopping'>) {
    const unlessStopped = <T>(look: Promise<T>): Promise<T> =>
      look.catch((error: unknown) => {
        throw signal.aborted ? new MillraceError('CLOSED', 'the service is stopping; ask again soon') : error
      })
    this.streams = cachedRows(
      () => unlessStopped(operations().catalogue.list({ signal })),
      ({ stream }) => stream,
    )
    this.explain = cachedRows(
      () => unlessStopped(operations().explain.explain({ signal })),
      ({ stream, group }) => groupKey(stream, group),
    )
    this.jobs = cachedRows(
      async () => (await jobs().list({}, { limit: JOBS_SHOWN })).jobs,
      ({ id }) => id,
    )
  }

  /** After a change, so that whoever made it sees it. */
  forget(): void {
    for (const look of [this.streams, this.explain, this.jobs]) look.forget()
  }
}

const cachedRows = <T extends object>(list: () => Promise<readonly T[]>, nameOf: (row: T) => string) =>
  new Cached<Rows<T>>(async (before) => {
    const rows = await list()
    return new Map(rows.map((row) => [nameOf(row), asBefore(row, before?.get(nameOf(row)))]))
  })

const asBefore = <T extends object>(row: T, before: T | undefined): T =>
  before && JSON.stringify(before) === JSON.stringify(row) ? before : row

/** What is other than it was, and the names of what is gone. */
export function changesOf<T>(
  rows: Rows<T>,
  before: Rows<T> | undefined,
): { changed: T[]; removed: string[] } {
  if (rows === before) return { changed: [], removed: [] }
  return {
    changed: [...rows].filter(([name, row]) => before?.get(name) !== row).map(([, row]) => row),
    removed: [...(before?.keys() ?? [])].filter((name) => !rows.has(name)),
  }
}
