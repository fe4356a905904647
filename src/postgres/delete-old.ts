import type { Database } from './database.ts'

/** A statement that deletes no more than this keeps its locks and its transaction short. */
const MAX_ROWS = 20_000

export interface OldRows {
  table: string
  /** The column that says how old a row is. */
  time: string
  olderThan: Date
  /** Only rows that have a value in a column. */
  only?: { column: string; value: string }
  /** Instances that delete at the same time leave each other's rows out. Takes the right to update as well. */
  shared?: boolean
}

/**
 * Deletes what is older, some at a time. Instances that do it at the same time and do not share the work wait for each other;
 * one that came too late for some rows ends, and the one that deleted them goes on. They do not deadlock: PostgreSQL goes
 * through a list of ctids in their order.
 *
 * @param isOver asked between two statements; what is left then is for the next time
 */
export async function deleteOld(database: Database, rows: OldRows, isOver: () => boolean): Promise<void> {
  const { table, time, olderThan, only, shared } = rows
  const condition = only ? ` AND ${only.column} = $2` : ''
  const lock = shared ? ' FOR UPDATE SKIP LOCKED' : ''
  let deleted: number
  do {
    const [row] = await database.query<{ deleted: number }>(
      `WITH gone AS (
         DELETE FROM ${table} WHERE ctid = ANY(ARRAY(
           SELECT ctid FROM ${table} WHERE ${time} < $1${condition} LIMIT ${MAX_ROWS}${lock}
         )) RETURNING 1
       )
       SELECT count(*)::int AS deleted FROM gone`,
      only ? [olderThan, only.value] : [olderThan],
    )
    deleted = row!.deleted
  } while (deleted === MAX_ROWS && !isOver())
}
