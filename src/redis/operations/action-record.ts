import { randomBytes } from 'node:crypto'
import {
  checkOperator,
  type ActionName,
  type ActionPage,
  type ActionRecord,
  type ActionRecords,
  type Operator,
} from '../../core/action-record.ts'
import { namedFields } from '../../core/codec.ts'
import { InvalidError } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import { positionTime } from '../../core/position.ts'
import type { Connection } from '../connection.ts'
import { isEntryId } from '../replay/replay-range.ts'
import { slotPrefix } from '../slots.ts'

/** Stream: what operators did to `stream`. */
export const actionsKey = (stream: string): string => `${slotPrefix(stream)}actions`

/**
 * `record(key, action, more)` writes a record; `more` is a list of further names and values. The first arguments of
 * a script that uses it are those of {@link recordArguments}.
 */
export const RECORD = `
local function record(key, action, more)
  redis.call('XADD', key, 'MAXLEN', '~', 10000, '*', 'action', action, 'actor', ARGV[1], 'reason', ARGV[2],
    'stream', ARGV[3], 'run', ARGV[4], unpack(more))
end
`

/** ARGV[1] to ARGV[4] of a script that leaves a record. */
export function recordArguments(operator: Operator, stream: string, run = randomRun()): string[] {
  const { actor, reason } = checkOperator(operator)
  return [actor, reason, stream, run]
}

const randomRun = (): string => randomBytes(8).toString('hex')

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
