import { randomBytes } from 'node:crypto'
import {
  checkOperator,
  type ActionDetail,
  type ActionName,
  type ActionPage,
  type ActionRecord,
  type ActionRecords,
  type Operator,
} from '../../core/action-record.ts'
import { namedFields } from '../../core/codec.ts'
import { InvalidError, type Issue } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import { isEntryId, positionTime } from '../../core/position.ts'
import type { Connection } from '../connection.ts'
import { Script } from '../script.ts'
import { recentActions } from './recent-actions.ts'
import { slotPrefix } from '../slots.ts'

/** How many records of a stream are kept, about. */
const MOST_RECORDS = 10_000

/** Stream: what operators did to `stream`. */
export const actionsKey = (stream: string): string => `${slotPrefix(stream)}actions`

/**
 * `record(key, action, more)` writes a record; `more` is a list of further names and values. Of the arguments of a
 * script that uses it those from `first` on are {@link recordArguments}.
 */
export const recordFrom = (first: number): string => `
local function record(key, action, more)
  redis.call('XADD', key, 'MAXLEN', '~', ${MOST_RECORDS}, '*', 'action', action, 'actor', ARGV[${first}],
    'reason', ARGV[${first + 1}], 'stream', ARGV[${first + 2}], 'run', ARGV[${first + 3}], unpack(more))
end
`

/** Of scripts whose arguments begin with {@link recordArguments}. */
export const RECORD = recordFrom(1)

/** Four arguments of a script that leaves a record. */
export function recordArguments(operator: Operator, stream: string, run = randomRun()): string[] {
  const { actor, reason } = checkOperator(operator)
  return [actor, reason, stream, run]
}

/** KEYS: actions. ARGV: names and values. A script, since what frees memory must be written down while there is none. */
const recordScript = new Script<string>(`
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ${MOST_RECORDS}, '*', unpack(ARGV))
`)

export const randomRun = (): string => randomBytes(8).toString('hex')

const MAX_PAGE = 500

/** Throws where a page can't be asked for like this. */
export function checkPage(limit: number, after: string | undefined): void {
  const issues = []
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE)
    issues.push({ path: 'limit', message: `must be a whole number from 1 to ${MAX_PAGE}, not ${limit}` })
  if (after !== undefined && !isEntryId(after))
    issues.push({ path: 'after', message: 'must be where the page before ended, such as 1700000000000-0' })
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', 'there is no such page', issues)
}

const OWN_FIELDS: ReadonlySet<string> = new Set([
  'action',
  'actor',
  'reason',
  'stream',
  'run',
  'group',
  'count',
  'ids',
])

/**
 * Reads the records that scripts leave with {@link RECORD}.
 *
 * @example
 * const { records } = await new RedisActionRecords(connection).actions('user:events')
 * records[0] // { action: 'redrive', actor: 'ada@example.com', group: 'mailer', count: 17, … }
 */
export class RedisActionRecords implements ActionRecords {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async actions(
    stream: string,
    { after, limit = 50 }: ActionPage = {},
  ): Promise<{ records: ActionRecord[]; next?: string }> {
    checkName('stream name', stream)
    checkPage(limit, after)
    const range = [after === undefined ? '+' : `(${after}`, '-', 'COUNT', String(limit)]
    const rows = await this.#connection.send<[string, string[]][]>([
      'XREVRANGE',
      actionsKey(stream),
      ...range,
    ])
    const records = rows.map(toRecord)
    return records.length < limit ? { records } : { records, next: records.at(-1)!.id }
  }

  async recent(page: ActionPage = {}): Promise<{ records: ActionRecord[]; next?: string }> {
    checkPage(page.limit ?? 50, undefined)
    return recentActions(this.#connection, page, (key, row) => {
      const record = toRecord(row)
      return record.stream !== '' && actionsKey(record.stream) === key ? record : undefined
    })
  }

  async record(
    stream: string,
    action: ActionName,
    operator: Operator,
    what: ActionDetail = {},
  ): Promise<string> {
    checkName('stream name', stream)
    checkDetail(what)
    const { group, count = 0, ids = [], run, detail = {} } = what
    const [actor, reason, , ofRun] = recordArguments(operator, stream, run)
    const fields = {
      action,
      actor,
      reason,
      stream,
      run: ofRun,
      group,
      count: String(count),
      ids: ids.join(' '),
    }
    const parts = Object.entries({ ...fields, ...detail }).flatMap(([name, value]) =>
      value === undefined ? [] : [name, value],
    )
    return recordScript.run(this.#connection, [actionsKey(stream)], parts)
  }
}

function checkDetail({ group, count = 0, detail = {} }: ActionDetail): void {
  if (group !== undefined) checkName('group name', group)
  const issues: Issue[] = []
  if (!Number.isSafeInteger(count) || count < 0)
    issues.push({ path: 'count', message: `must be a whole number from 0 on, not ${count}` })
  for (const [name, value] of Object.entries(detail)) {
    const path = `detail.${name}`
    if (OWN_FIELDS.has(name))
      issues.push({ path, message: 'is a field of every record; choose another name' })
    else if (typeof value !== 'string') issues.push({ path, message: 'must be a text' })
  }
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the action can not be written down', issues)
}

function toRecord([id, fields]: [string, string[]]): ActionRecord {
  const named = namedFields(fields)
  const text = (name: string) => named.get(name) ?? ''
  const group = named.get('group')
  const detail: Record<string, string> = Object.create(null)
  for (const [name, value] of named) if (!OWN_FIELDS.has(name)) detail[name] = value
  return {
    id,
    time: new Date(positionTime(id)).toISOString(),
    action: text('action') as ActionName,
    actor: text('actor'),
    reason: text('reason'),
    stream: text('stream'),
    ...(group === undefined ? {} : { group }),
    count: Number(text('count')),
    ids: text('ids').split(' ').filter(Boolean),
    run: text('run'),
    detail,
  }
}
