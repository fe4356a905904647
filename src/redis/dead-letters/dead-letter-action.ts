import type {
  DeadLetterActionOptions,
  DeadLetterProgress,
  DeadLetterResult,
  DeadLetterSelection,
  RefusalCode,
} from '../../core/dead-letters.ts'
import { InvalidError, type Issue } from '../../core/errors.ts'
import { DEFAULT_RATE_PER_SECOND, Pace } from '../../core/pace.ts'
import { isEntryId } from '../../core/position.ts'
import { recordArguments } from '../operations/action-record.ts'
import type { Connection } from '../connection.ts'
import { LETTERS_PER_STEP, toScriptFilter } from './dead-letter-filter.ts'
import { readKeys, redriveKeys } from './dead-letter-keys.ts'
import { findScript, groupsScript, type Verdicts } from './dead-letter-scripts.ts'
import { deadLetterKey } from '../keys.ts'

import type { Script } from '../script.ts'

/** More would hold up other clients for longer than a few milliseconds. */
const MAX_LETTERS_PER_STEP = 100
const MAX_REFUSALS = 100

const MESSAGES: Readonly<Record<RefusalCode, (group: string) => string>> = {
  'unknown-group': (group) =>
    `the group "${group}" does not exist any more; start a consumer of it, then redrive`,
  trimmed: () =>
    'nothing is left of the entry: it was trimmed before its group gave it up; edit its fields first',
  'too-wide': () => 'the entry has more fields than can be written in one step; edit its fields first',
  'not-a-letter': () => 'nothing says which group gave it up: it was not written by Millrace; discard it',
}

/** A letter, by its id and the group that gave it up; `null` for one that is gone. */
type Head = [id: string, group: string | null]

/**
 * One redrive or discard: finds the letters and deals with them in small steps, each of one group and each complete in
 * itself. Letters that come meanwhile, also those that come back, do not belong to it.
 */
export class DeadLetterAction {
  readonly #connection: Connection
  readonly #stream: string
  readonly #script: Script<Verdicts>
  readonly #options: DeadLetterActionOptions
  readonly #record: readonly string[]
  readonly #pace: Pace
  readonly #signal: AbortSignal
  readonly #refusals: DeadLetterResult['refusals'] = []
  readonly #progress: DeadLetterProgress = { done: 0, refused: 0, missing: 0 }
  #left: number

  constructor(
    connection: Connection,
    stream: string,
    script: Script<Verdicts>,
    options: DeadLetterActionOptions,
  ) {
    const { limit = Infinity, ratePerSecond = DEFAULT_RATE_PER_SECOND, signal } = options
    if (!(limit >= 1)) throw invalid({ path: 'limit', message: `must be a number from 1 on, not ${limit}` })
    this.#connection = connection
    this.#stream = stream
    this.#script = script
    this.#options = options
    this.#record = recordArguments(options, stream)
    this.#pace = new Pace(ratePerSecond, MAX_LETTERS_PER_STEP)
    this.#signal = signal ?? new AbortController().signal
    this.#left = limit
  }

  async run(selection: DeadLetterSelection): Promise<DeadLetterResult> {
    const pages = 'ids' in selection ? this.#named(selection.ids) : this.#found(selection)
    for await (const page of pages) {
      if (!(await this.#dealWith(page))) return this.#result(false)
    }
    return this.#result(true)
  }

  #result(complete: boolean): DeadLetterResult {
    return { ...this.#progress, refusals: this.#refusals, complete }
  }

  async *#named(ids: readonly string[]): AsyncGenerator<Head[]> {
    const wrong = ids.find((id) => !isEntryId(id))
    if (wrong !== undefined)
      throw invalid({ path: 'ids', message: `"${wrong}" is no id of a dead letter, such as 1700000000000-0` })
    const unique = [...new Set(ids)]
    for (let from = 0; from < unique.length; from += MAX_LETTERS_PER_STEP) {
      const page = unique.slice(from, from + MAX_LETTERS_PER_STEP)
      const groups = await groupsScript.run(this.#connection, readKeys(this.#stream), page)
      yield page.map((id, index) => [id, groups[index]!])
    }
  }

  async *#found({ filter, upTo }: Extract<DeadLetterSelection, { filter: unknown }>): AsyncGenerator<Head[]> {
    const { from, to, words } = toScriptFilter(filter)
    if (upTo !== undefined && !isEntryId(upTo))
      throw invalid({ path: 'upTo', message: `"${upTo}" is no id of a dead letter` })
    const top = upTo ?? (await this.#newestLetter())
    if (top === undefined) return
    const keys = readKeys(this.#stream)
    const look = (start: string, end: string) =>
      findScript.run(this.#connection, keys, [
        'XRANGE',
        start,
        end,
        String(LETTERS_PER_STEP),
        ...words,
        String(LETTERS_PER_STEP),
      ])
    // Redis knows no smaller of two ends, so the end that is nearer cuts off what the other lets through.
    const end = to === '+' || Number(to) >= Number(top.slice(0, top.indexOf('-'))) ? top : to
    for (let start = from; start !== '';) {
      if (this.#signal.aborted) return void (yield [])
      const [next, heads] = await look(start, end)
      yield heads
      start = next && `(${next}`
    }
  }

  async #newestLetter(): Promise<string | undefined> {
    const rows = await this.#connection.send<[string, string[]][]>([
      'XREVRANGE',
      deadLetterKey(this.#stream),
      '+',
      '-',
      'COUNT',
      '1',
    ])
    return rows[0]?.[0]
  }

  /** Answers whether to go on. */
  async #dealWith(page: readonly Head[]): Promise<boolean> {
    const heads = page.slice(0, this.#left)
    this.#left -= heads.length
    for (const [group, ids] of byGroup(heads)) {
      if (group === null) this.#progress.missing += ids.length
      else if (!(await this.#step(group, ids))) return false
    }
    return !this.#signal.aborted && heads.length === page.length
  }

  async #step(group: string, ids: readonly string[]): Promise<boolean> {
    const keys = redriveKeys(this.#stream, group)
    for (let from = 0; from < ids.length;) {
      if (this.#signal.aborted) return false
      const part = ids.slice(from, from + this.#pace.stepSize)
      const args = [...this.#record, group, this.#options.dryRun ? '1' : '0', ...part]
      const verdicts = await this.#script.run(this.#connection, keys, args)
      this.#tally(group, part, verdicts)
      from += verdicts.length
      this.#options.onProgress?.({ ...this.#progress })
      if (!this.#options.dryRun) await this.#pace.spend(verdicts.length, this.#signal)
    }
    return true
  }

  #tally(group: string, ids: readonly string[], verdicts: Verdicts): void {
    for (const [index, verdict] of verdicts.entries()) {
      if (verdict === 'ok') this.#progress.done++
      else if (verdict === 'gone') this.#progress.missing++
      else this.#refuse(ids[index]!, verdict, group)
    }
  }

  #refuse(id: string, code: RefusalCode, group: string): void {
    this.#progress.refused++
    if (this.#refusals.length < MAX_REFUSALS)
      this.#refusals.push({ id, code, message: MESSAGES[code](group) })
  }
}

function byGroup(heads: readonly Head[]): Map<string | null, string[]> {
  const groups = new Map<string | null, string[]>()
  for (const [id, group] of heads) {
    const ids = groups.get(group)
    if (ids) ids.push(id)
    else groups.set(group, [id])
  }
  return groups
}

const invalid = (issue: Issue): InvalidError =>
  new InvalidError('CONFIGURATION_INVALID', 'the dead letters can not be dealt with like this', [issue])
