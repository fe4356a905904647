import type { Operator } from '../../core/action-record.ts'
import type {
  DeadLetterActionOptions,
  DeadLetterChange,
  DeadLetterFilter,
  DeadLetterList,
  DeadLetterPage,
  DeadLetterResult,
  DeadLetters,
  DeadLetterSelection,
  DeadLetterStreams,
  DeadLetterSummary,
  StoredDeadLetter,
} from '../../core/dead-letters.ts'
import { MillraceError } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import { isEntryId } from '../../core/position.ts'
import { checkPage, recordArguments } from '../operations/action-record.ts'
import type { Connection } from '../connection.ts'
import { DeadLetterAction } from './dead-letter-action.ts'
import { toLetter } from './dead-letter-decode.ts'
import { toEdit } from './dead-letter-edit.ts'
import { LETTERS_PER_STEP, STEPS_PER_CALL, toScriptFilter } from './dead-letter-filter.ts'
import { changeKeys, readKeys } from './dead-letter-keys.ts'
import {
  discardScript,
  editScript,
  getScript,
  listScript,
  redriveScript,
  type LetterRow,
} from './dead-letter-scripts.ts'
import { findStreams } from './dead-letter-streams.ts'
import { summarize } from './dead-letter-summary.ts'

/**
 * The dead letters that lie on Redis.
 *
 * @example
 * const letters = new RedisDeadLetters(connection)
 * const filter = { group: 'mailer', error: 'SMTP_DOWN' }
 * const { total, counts } = await letters.summary('user:events', filter)
 * await letters.redrive('user:events', { filter }, { actor: 'ada@example.com', dryRun: true }) // { done: 17, … }
 */
export class RedisDeadLetters implements DeadLetters {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async list(
    stream: string,
    filter: DeadLetterFilter = {},
    { after, limit = 50, order = 'newest' }: DeadLetterPage = {},
  ): Promise<DeadLetterList> {
    checkName('stream name', stream)
    checkPage(limit, after)
    const { from, to, words } = toScriptFilter(filter)
    const newestFirst = order === 'newest'
    const end = newestFirst ? from : to
    const letters: StoredDeadLetter[] = []
    let start = after === undefined ? (newestFirst ? to : from) : `(${after}`
    for (let step = 0; step < STEPS_PER_CALL && start !== '' && letters.length < limit; step++) {
      const command = newestFirst ? 'XREVRANGE' : 'XRANGE'
      const args = [command, start, end, String(LETTERS_PER_STEP), ...words, String(limit - letters.length)]
      const [next, rows] = await listScript.run(this.#connection, readKeys(stream), args)
      letters.push(...rows.map((row) => toLetter(stream, row)))
      start = next && `(${next}`
    }
    return start === '' ? { letters } : { letters, next: start.slice(1) }
  }

  async get(stream: string, id: string): Promise<StoredDeadLetter> {
    return toLetter(stream, await this.#row(stream, id))
  }

  async summary(stream: string, filter: DeadLetterFilter = {}): Promise<DeadLetterSummary> {
    checkName('stream name', stream)
    return summarize(this.#connection, stream, filter)
  }

  streams(after?: string): Promise<DeadLetterStreams> {
    return findStreams(this.#connection, after)
  }

  async edit(
    stream: string,
    id: string,
    change: DeadLetterChange,
    operator: Operator,
  ): Promise<StoredDeadLetter> {
    const record = recordArguments(operator, stream)
    for (;;) {
      const row = await this.#row(stream, id)
      const { mode, pairs } = toEdit(change, toLetter(stream, row).fields)
      const args = [...record, id, mode, row[4], ...pairs]
      const verdict = await editScript.run(this.#connection, changeKeys(stream), args)
      if (verdict === 'gone') throw unknown(stream, id)
      // Somebody else's edit came between: the names of the fields may be others now.
      if (verdict === 'ok') return this.get(stream, id)
    }
  }

  async redrive(
    stream: string,
    selection: DeadLetterSelection,
    options: DeadLetterActionOptions,
  ): Promise<DeadLetterResult> {
    checkName('stream name', stream)
    return new DeadLetterAction(this.#connection, stream, redriveScript, options).run(selection)
  }

  async discard(
    stream: string,
    selection: DeadLetterSelection,
    options: DeadLetterActionOptions,
  ): Promise<DeadLetterResult> {
    checkName('stream name', stream)
    return new DeadLetterAction(this.#connection, stream, discardScript, options).run(selection)
  }

  async #row(stream: string, id: string): Promise<LetterRow> {
    checkName('stream name', stream)
    const row = isEntryId(id) ? await getScript.run(this.#connection, readKeys(stream), [id]) : null
    if (row === null) throw unknown(stream, id)
    return row
  }
}

const unknown = (stream: string, id: string): MillraceError =>
  new MillraceError(
    'UNKNOWN_DEAD_LETTER',
    `there is no dead letter ${JSON.stringify(id)} of "${stream}": it was redriven, discarded or trimmed; list those that are there`,
  )
