import type { JobRun, JobWork } from '../../core/jobs.ts'
import type { Operations } from '../../core/operations.ts'
import { pause } from '../../core/pause.ts'
import { resolveRetention, type RetentionTarget } from '../../core/retention-policy.ts'
import { requireStream } from './known.ts'
import { firstOf, Params } from './params.ts'

export type TrimParams = {
  readonly stream: string
  /** Entries beyond so many may go, oldest first. */
  readonly maxLength?: number
  /** Entries older than so many ms may go. */
  readonly maxAgeMs?: number
  /** Entries below this position may go. */
  readonly before?: string
  /** Entries beyond so many go in any case, also what is unread; only with `force`. */
  readonly hardMaxLength?: number
  readonly force: boolean
}

/** Where a run stands; a trim that goes on finds for itself what is left. */
type Totals = { readonly trimmed: number; readonly capped: number; readonly total?: number }

/** How often the totals are written down, in ms. */
const CHECKPOINT_MS = 2_000

type Parts = Pick<Operations, 'retention' | 'streams' | 'actions'>

/** Drops entries that nobody needs, and beyond a hard limit also others. A record says so at its begin and at its end. */
export const trimWork = (operations: Parts): JobWork<TrimParams> => ({
  kind: 'trim',
  local: false,
  async check(given) {
    const params = readParams(given)
    await requireStream(operations.streams, params.stream)
    return params
  },
  async preview(params) {
    const { trimmed, capped, complete } = await operations.retention.count(targetOf(params))
    return { count: trimmed + capped, unit: 'entries', complete, detail: { trimmed, capped } }
  },
  async run(params, run) {
    const target = targetOf(params)
    const begun = (run.resumeFrom as Totals | undefined) ?? (await begin(operations, params, target, run))
    const totals = await trimAll(operations, target, begun, run)
    const { trimmed, capped } = totals
    if (!run.signal.aborted || run.cancelled.aborted)
      await note(operations, params, run, run.cancelled.aborted ? 'stopped' : 'done', totals)
    return { trimmed, capped }
  },
})

async function begin(
  operations: Parts,
  params: TrimParams,
  target: RetentionTarget,
  run: JobRun,
): Promise<Totals> {
  const { trimmed, capped, complete } = await operations.retention.count(target)
  const none: Totals = { trimmed: 0, capped: 0, ...(complete && { total: trimmed + capped }) }
  await note(operations, params, run, 'started', none)
  await run.checkpoint(none)
  return none
}

async function trimAll(
  { retention }: Parts,
  target: RetentionTarget,
  begun: Totals,
  run: JobRun,
): Promise<Totals> {
  let totals = begun
  let checkpointAt = performance.now() + CHECKPOINT_MS
  for (let more = true; more && !run.signal.aborted;) {
    const started = performance.now()
    const step = await retention.trim(target)
    const { trimmed, capped } = totals
    totals = { ...totals, trimmed: trimmed + step.trimmed, capped: capped + step.capped }
    run.progress({
      done: totals.trimmed + totals.capped,
      unit: 'entries',
      ...(totals.total !== undefined && { total: totals.total }),
    })
    more = step.more
    // Half of the server's time is left to those who publish and consume.
    if (more) await pause(performance.now() - started, run.signal)
    if (more) await run.pace(step.trimmed + step.capped)
    // The next run begins with what is written down here.
    if (performance.now() < checkpointAt && !run.signal.aborted) continue
    await run.checkpoint(totals)
    checkpointAt = performance.now() + CHECKPOINT_MS
  }
  return totals
}

async function note(
  { actions }: Parts,
  { stream, maxLength, maxAgeMs, before, hardMaxLength }: TrimParams,
  { id, operator }: JobRun,
  state: string,
  { trimmed, capped }: Totals,
): Promise<void> {
  const detail: Record<string, string> = { state, capped: String(capped) }
  for (const [name, limit] of Object.entries({ maxLength, maxAgeMs, before, hardMaxLength }))
    if (limit !== undefined) detail[name] = String(limit)
  await actions.record(stream, 'trim', operator, { count: trimmed + capped, run: `job ${id}`, detail })
}

function targetOf({ stream, maxLength, maxAgeMs, before, hardMaxLength }: TrimParams): RetentionTarget {
  const policy = {
    ...(maxLength !== undefined && { maxLength }),
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    ...(hardMaxLength !== undefined && { hardMaxLength }),
  }
  return { ...resolveRetention({ stream, policy }), ...(before !== undefined && { before }) }
}

function readParams(given: unknown): TrimParams {
  const params = new Params(given, 'the stream can not be trimmed like this')
  const stream = params.name('stream', 'stream name')
  const maxLength = params.count('maxLength', 0)
  const maxAgeMs = params.count('maxAgeMs', 1)
  const place = params.place('before')
  const hardMaxLength = params.count('hardMaxLength', 1)
  const force = params.flag('force')
  const limits = ['maxLength', 'maxAgeMs', 'before', 'hardMaxLength']
  if (limits.every((name) => params.raw(name) === undefined))
    params.refuse('maxLength', `say what may go, by one of ${limits.join(', ')}`)
  if (params.raw('maxAgeMs') !== undefined && params.raw('before') !== undefined)
    params.refuse('before', 'and maxAgeMs say the same in two ways; give one of them')
  if (params.raw('hardMaxLength') !== undefined && !force)
    params.refuse('force', 'must be true with hardMaxLength, which also drops what is unread')
  if (hardMaxLength !== undefined && maxLength !== undefined && hardMaxLength < maxLength)
    params.refuse('hardMaxLength', `must be at least maxLength, ${maxLength}`)
  params.done()
  return {
    stream,
    force,
    ...(maxLength !== undefined && { maxLength }),
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    ...(place !== undefined && { before: firstOf(place) }),
    ...(hardMaxLength !== undefined && { hardMaxLength }),
  }
}
