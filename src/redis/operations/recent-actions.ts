import type { ActionPage, ActionRecord } from '../../core/action-record.ts'
import { InvalidError } from '../../core/errors.ts'
import { comparePositions, isEntryId } from '../../core/position.ts'
import { RedisStreamCatalogue } from './catalogue.ts'
import type { Connection } from '../connection.ts'
import { replyCode } from '../errors.ts'
import { mapInSteps } from './in-steps.ts'

export type RecordRow = [id: string, fields: string[]]

/** Where a record stands among those of all streams: newest first, and by their keys where two have one id. */
interface Place {
  readonly id: string
  readonly key: string
}

const inOrder = (a: Place, b: Place): number => comparePositions(b.id, a.id) || (a.key < b.key ? -1 : 1)

/**
 * The newest records of all streams. There is no list of them, which would be a key in another slot that no script could
 * write to; so the keys are looked through. Only those streams are read whose newest record is among the newest.
 *
 * @param toRecord undefined for a row of a key that only looks like ours
 */
export async function recentActions(
  connection: Connection,
  { after, limit = 50 }: ActionPage,
  toRecord: (key: string, row: RecordRow) => ActionRecord | undefined,
): Promise<{ records: ActionRecord[]; next?: string }> {
  const end = after === undefined ? undefined : toPlace(after)
  const read = (key: string, count: number) => rowsOf(connection, key, end, count)
  const keys = await new RedisStreamCatalogue(connection).names({ match: '*actions', companions: true })
  const newest = await mapInSteps(keys, async (key) =>
    (await read(key, 1)).filter((row) => toRecord(key, row)),
  )
  const candidates = newest
    .flatMap((rows, index) => rows.map(([id]) => ({ id, key: keys[index]! })))
    .sort(inOrder)
    .slice(0, limit)
  let found: (Place & { record: ActionRecord })[] = []
  for (const candidate of candidates) {
    const { key } = candidate
    const last = found[limit - 1]
    if (last && inOrder(last, candidate) < 0) break
    const rows = await read(key, limit)
    const own = rows.flatMap((row) => {
      const record = toRecord(key, row)
      return record ? [{ id: row[0], key, record }] : []
    })
    found = [...found, ...own].sort(inOrder).slice(0, limit)
  }
  const records = found.map(({ record }) => record)
  const last = found[limit - 1]
  return last ? { records, next: `${last.id} ${last.key}` } : { records }
}

/** Who may not see a stream does not hear of it. */
async function rowsOf(connection: Connection, key: string, end: Place | undefined, count: number) {
  const from = end === undefined ? '+' : key > end.key ? end.id : `(${end.id}`
  const call = connection.send<RecordRow[]>(['XREVRANGE', key, from, '-', 'COUNT', String(count)])
  return call.catch((error: unknown) => {
    if (replyCode(error) === 'NOPERM') return []
    throw error
  })
}

function toPlace(after: string): Place {
  const [, id, key] = /^(\S+) (.+)$/s.exec(after) ?? []
  if (key !== undefined && isEntryId(id)) return { id, key }
  throw new InvalidError('CONFIGURATION_INVALID', 'there is no such page', [
    { path: 'after', message: 'must be `next` of the page before' },
  ])
}
