import type {
  DeadLetterActionOptions,
  DeadLetterFilter,
  DeadLetterResult,
  DeadLetters,
  DeadLetterSelection,
} from '../../core/dead-letters.ts'
import type { JobRun, JobWork } from '../../core/jobs.ts'
import type { Operations } from '../../core/operations.ts'
import { isEntryId } from '../../core/position.ts'
import { requireGroup, unknownStream } from './known.ts'
import { Params } from './params.ts'

/** As JSON: the moments of a filter are texts. */
type StoredFilter = Readonly<Partial<Record<keyof DeadLetterFilter, string>>>

export type LetterParams = {
  readonly stream: string
  /** One of both. `{}` is the filter that takes all of them. */
  readonly ids?: readonly string[]
  readonly filter?: StoredFilter
}

/** More are better found by a filter. */
const MAX_IDS = 5_000

type Parts = Pick<Operations, 'deadLetters' | 'streams'>

/** Gives dead letters back to their groups. */
export const redriveWork = (operations: Parts): JobWork<LetterParams> => letterWork('redrive', operations)

/** Deletes dead letters for good. */
export const discardWork = (operations: Parts): JobWork<LetterParams> => letterWork('discard', operations)

function letterWork(kind: 'redrive' | 'discard', { deadLetters, streams }: Parts): JobWork<LetterParams> {
  return {
    kind,
    local: false,
    async check(given) {
      const params = readParams(given, kind)
      const { stream, filter } = params
      const info = await streams.info(stream)
      const { letters } = await deadLetters.list(stream, {}, { limit: 1 })
      if (!info && letters.length === 0) throw unknownStream(stream)
      if (info && kind === 'redrive' && filter?.group !== undefined) requireGroup(info, stream, filter.group)
      return params
    },
    async preview(params) {
      const options = { actor: 'preview', dryRun: true }
      const result = await deadLetters[kind](params.stream, selectionOf(params), options)
      const { done, refused, missing, refusals, complete } = result
      return { count: done, unit: 'letters', complete, detail: { refused, missing, refusals } }
    },
    run: (params, run) => new LetterRun(deadLetters, kind, params, run).run(),
  }
}

/**
 * One run. The set is fixed when the job begins, so that letters which come back are left alone; what was dealt with is
 * gone, so that a later run finds the rest.
 */
class LetterRun {
  readonly #deadLetters: DeadLetters
  readonly #kind: 'redrive' | 'discard'
  readonly #params: LetterParams
  readonly #run: JobRun

  constructor(deadLetters: DeadLetters, kind: 'redrive' | 'discard', params: LetterParams, run: JobRun) {
    this.#deadLetters = deadLetters
    this.#kind = kind
    this.#params = params
    this.#run = run
  }

  async run(): Promise<Readonly<Record<string, unknown>>> {
    const begun = this.#run.resumeFrom as { upTo: string; total: number } | undefined
    const upTo = begun ? begun.upTo : await this.#newest()
    if (upTo === undefined) return { done: 0, refused: 0, missing: 0, refusals: [] }
    const { done: left } = await this.#act(upTo, { dryRun: true })
    const total = begun?.total ?? left
    if (!begun) await this.#run.checkpoint({ upTo, total })
    // What runs before this one did was not always written down; it shows in what is left.
    const before = Math.max(0, total - left)
    const result = await this.#act(upTo, {
      ratePerSecond: () => this.#run.ratePerSecond,
      onProgress: ({ done }) => this.#run.progress({ done: before + done, total, unit: 'letters' }),
    })
    const { done, refused, missing, refusals } = result
    const others = this.#params.ids ? Math.max(0, missing - before) : missing
    return { done: before + done, refused, missing: others, refusals }
  }

  async #newest(): Promise<string | undefined> {
    const { letters } = await this.#deadLetters.list(this.#params.stream, {}, { limit: 1 })
    return letters[0]?.id
  }

  #act(upTo: string, more: Partial<DeadLetterActionOptions>): Promise<DeadLetterResult> {
    const { operator, signal } = this.#run
    const options = { ...operator, signal, ...more }
    return this.#deadLetters[this.#kind](this.#params.stream, selectionOf(this.#params, upTo), options)
  }
}

function selectionOf({ ids, filter = {} }: LetterParams, upTo?: string): DeadLetterSelection {
  if (ids) return { ids }
  const { from, to, ...words } = filter
  const moments = { ...(from && { from: new Date(from) }), ...(to && { to: new Date(to) }) }
  return { filter: { ...words, ...moments }, ...(upTo !== undefined && { upTo }) }
}

function readParams(given: unknown, kind: string): LetterParams {
  const params = new Params(
    given,
    `the dead letters can not be ${kind === 'redrive' ? 'redriven' : 'discarded'} like this`,
  )
  const stream = params.name('stream', 'stream name')
  const [ids, filter] = [params.raw('ids'), params.raw('filter')]
  if ((ids === undefined) === (filter === undefined))
    params.refuse('ids', 'say either ids or filter, and not both; the filter {} takes all of them')
  const checked = ids === undefined ? undefined : readIds(params, ids)
  const found = filter === undefined ? undefined : readFilter(params, filter)
  params.done()
  return { stream, ...(checked && { ids: checked }), ...(found && { filter: found }) }
}

function readIds(params: Params, ids: unknown): string[] {
  const list: unknown[] = Array.isArray(ids) ? [...new Set(ids)] : []
  if (list.length === 0 || list.length > MAX_IDS)
    params.refuse('ids', `must be a list of 1 to ${MAX_IDS} ids of dead letters; use a filter for more`)
  const wrong = list.filter((id) => !isEntryId(id)).slice(0, 10)
  if (wrong.length > 0)
    params.refuse('ids', `${JSON.stringify(wrong)} are no ids of dead letters, such as 1700000000000-0`)
  return list as string[]
}

function readFilter(outer: Params, filter: unknown): StoredFilter {
  const params = new Params(filter, 'no dead letters can be found like this')
  const found: Partial<Record<keyof DeadLetterFilter, string>> = {}
  for (const name of ['group', 'type', 'error'] as const) {
    const value = params.raw(name)
    if (typeof value === 'string' && value !== '') found[name] = value
    else if (value !== undefined) params.refuse(name, 'must be a text that is not empty')
  }
  for (const name of ['from', 'to'] as const) {
    const value = params.moment(name)
    if (value !== undefined) found[name] = value
  }
  params.requireOrder(found.from, found.to, ['from', 'to'])
  outer.adopt('filter', params)
  return found
}
