import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { JobKind } from '../../core/jobs.ts'
import type { ServerEnv } from '../server-env.ts'
import { adminRoute, type Admin } from './admin-route.ts'
import { confirmed, Destruction, operatorOf, TriedChange } from './change.ts'
import { filterBody, letterIds } from './dead-letter-schemas.ts'
import { given, nameOf, streamPath } from './inputs.ts'
import { JobSchema, PreviewSchema, ratePerSecond } from './job-schemas.ts'

const STREAM = '/streams/{stream}'

const common = {
  status: 202,
  answer: z.object({ job: JobSchema }),
  previews: z.object({ preview: PreviewSchema }),
} as const

const rated = { ratePerSecond }
const target = nameOf('stream name', 'user:events:copy')
/** Read by the kind of job, as all that follows from it. */
const place = z.string().max(100).optional().openapi({
  description: 'An entry id, or an ISO time; it belongs to the range',
  example: '2026-01-28T10:00:00Z',
})

/** Everything that starts a job. What it can't do is refused by its kind, with every mistake. */
export function addStartRoutes(admin: Admin): void {
  addCopyRoutes(admin)
  addTrimRoute(admin)
  addLetterRoutes(admin)
  addBackupRoutes(admin)
}

interface Given {
  reason?: string | undefined
  dryRun?: boolean | undefined
  ratePerSecond?: number | undefined
}

async function startOrPreview(
  { ports }: Admin,
  c: Context<ServerEnv>,
  kind: JobKind,
  body: Given,
  params: Readonly<Record<string, unknown>>,
): Promise<object> {
  if (body.dryRun) return { preview: await ports.jobs().preview(kind, params) }
  const { ratePerSecond } = body
  return {
    job: await ports.jobs().start({ kind, params, ...operatorOf(c, body), ...given({ ratePerSecond }) }),
  }
}

function addCopyRoutes(admin: Admin): void {
  const replay = {
    ...common,
    summary: 'Deliver entries of a stream once more: to one group alone, or into another stream',
    params: streamPath,
    body: TriedChange.extend({
      ...rated,
      from: place,
      to: place,
      group: nameOf('group name', 'mailer').optional(),
      toStream: target.optional(),
    }),
  }
  adminRoute(admin, 'post', `${STREAM}/replays`, replay, ({ params, body }, c) => {
    const { from, to, group, toStream } = body
    return startOrPreview(admin, c, 'replay', body, given({ ...params, from, to, group, toStream }))
  })

  const copy = {
    ...common,
    summary: 'Copy a stream, or a range of it, to another name',
    params: streamPath,
    body: TriedChange.extend({
      ...rated,
      from: place,
      toPosition: place,
      to: target,
      append: z
        .boolean()
        .optional()
        .openapi({ description: 'Also to a stream that is there', example: false }),
    }),
  }
  adminRoute(admin, 'post', `${STREAM}/copy`, copy, ({ params, body }, c) => {
    const { from, toPosition, to, append } = body
    return startOrPreview(admin, c, 'copy', body, given({ ...params, from, toPosition, to, append }))
  })
}

function addTrimRoute(admin: Admin): void {
  const whole = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional()
  const trim = {
    ...common,
    summary: 'Drop entries of a stream that nobody needs any more; confirm with its name',
    params: streamPath,
    body: Destruction.extend({
      ...rated,
      maxLength: whole.openapi({ description: 'Entries beyond so many may go', example: 100_000 }),
      maxAgeMs: whole.openapi({ description: 'Entries that are older may go', example: 86_400_000 }),
      before: place.unwrap().optional().openapi({ description: 'Entries before that place may go' }),
      hardMaxLength: whole.openapi({ description: 'Entries beyond so many go in any case, with `force`' }),
      force: z.boolean().optional(),
    }),
  }
  adminRoute(admin, 'post', `${STREAM}/trim`, trim, async ({ params, body }, c) => {
    confirmed(`the stream ${JSON.stringify(params.stream)}`, params.stream, body)
    const { maxLength, maxAgeMs, before, hardMaxLength, force } = body
    const limits = given({ maxLength, maxAgeMs, before, hardMaxLength, force })
    return startOrPreview(admin, c, 'trim', body, { ...params, ...limits })
  })
}

const letters = {
  ...rated,
  ids: letterIds.optional(),
  filter: filterBody
    .optional()
    .openapi({ description: 'Instead of ids; {} for all', example: { group: 'mailer' } }),
}
const isOne = ({ ids, filter }: { ids?: unknown; filter?: unknown }): boolean =>
  (ids === undefined) !== (filter === undefined)
const ONE = { path: ['ids'], message: 'give either ids or a filter; {} for all' }

function addLetterRoutes(admin: Admin): void {
  const redrive = {
    ...common,
    summary: 'Deliver dead letters once more, to the group that gave them up',
    params: streamPath,
    body: TriedChange.extend(letters).refine(isOne, ONE),
  }
  adminRoute(admin, 'post', `${STREAM}/dead-letters/redrive`, redrive, ({ params, body }, c) => {
    const { ids, filter } = body
    return startOrPreview(admin, c, 'redrive', body, given({ ...params, ids, filter }))
  })

  const discard = {
    ...common,
    summary: 'Delete dead letters for good; confirm with the name of the stream',
    params: streamPath,
    body: Destruction.extend(letters).refine(isOne, ONE),
  }
  adminRoute(admin, 'post', `${STREAM}/dead-letters/discard`, discard, async ({ params, body }, c) => {
    confirmed(`the dead letters of ${JSON.stringify(params.stream)}`, params.stream, body)
    const { ids, filter } = body
    return startOrPreview(admin, c, 'discard', body, given({ ...params, ids, filter }))
  })
}

const path = z
  .string()
  .regex(/^[^./\\\0][^/\\\0]{0,199}$/, 'must be the name of a file in BACKUP_DIRECTORY, without a directory')
  .openapi({ example: 'nightly.millrace' })
const names = z.array(nameOf('stream name', 'user:events')).min(1).max(10_000).optional()

function addBackupRoutes(admin: Admin): void {
  const list = {
    summary: 'The files in BACKUP_DIRECTORY of this instance',
    answer: z.object({
      backups: z.array(z.object({ file: z.string(), bytes: z.number().int(), modifiedAt: z.string() })),
    }),
  }
  adminRoute(admin, 'get', '/backups', list, async () => ({ backups: await admin.ports.backups() }))

  const backup = {
    ...common,
    summary: 'Write streams with all that is beside them into a file of BACKUP_DIRECTORY',
    body: TriedChange.extend({
      ...rated,
      path,
      streams: names,
      match: z.string().min(1).max(256).optional().openapi({ example: 'user:*' }),
      overwrite: z
        .boolean()
        .optional()
        .openapi({ description: 'Also where the file is there', example: false }),
    }),
  }
  adminRoute(admin, 'post', '/backups', backup, ({ body }, c) => {
    const { path, streams, match, overwrite } = body
    return startOrPreview(admin, c, 'backup', body, given({ path, streams, match, overwrite }))
  })

  const restore = {
    ...common,
    summary: 'Bring streams back from a file of BACKUP_DIRECTORY; confirm with its name',
    body: Destruction.extend({
      ...rated,
      path,
      streams: names,
      rename: z
        .union([z.string(), z.record(z.string(), z.string())])
        .optional()
        .openapi({
          description: 'A prefix for all names, or new names by the old ones',
          example: 'restored:',
        }),
    }),
  }
  adminRoute(admin, 'post', '/restores', restore, async ({ body }, c) => {
    const { path, streams, rename } = body
    confirmed(`the file ${JSON.stringify(path)}`, path, body)
    return startOrPreview(admin, c, 'restore', body, given({ path, streams, rename }))
  })
}
