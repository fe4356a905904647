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
}

/**
 * Deletes what is older, some at a time. Instances that do it at the same time share the work.
 *
 * @param isOver asked between two statements; what is left then is for the next time
 */
export async function deleteOld(database: Database, rows: OldRows, isOver: () => boolean): Promise<void> {
  const { table, time, olderThan, only } = rows
  const condition = only ? ` AND ${only.column} = $2` : ''
  let deleted: number
  do {
    const [row] = await database.query<{ deleted: number }>(
      `WITH old AS (
         SELECT ctid FROM ${table} WHERE ${time} < $1${condition} LIMIT ${MAX_ROWS} FOR UPDATE SKIP LOCKED
       ), gone AS (
         DELETE FROM ${table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM old)) RETURNING 1
       )
       SELECT count(*)::int AS deleted FROM gone`,
      only ? [olderThan, only.value] : [olderThan],
    )
    deleted = row!.deleted
  } while (deleted === MAX_ROWS && !isOver())
}
