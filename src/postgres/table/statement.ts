/** Where rows go. */
export interface TableShape {
  /** `table`, or `schema.table`. */
  table: string
  columns: readonly string[]
  /** Columns by which a row takes the place of another; none to insert each. */
  key: readonly string[]
}

/**
 * The whole of a write, in one statement: identities that are new, and the rows of these, in their order. PostgreSQL
 * makes values of the types of the table's columns out of JSON. Identities are written in one order by all, so that
 * writes do not deadlock.
 *
 * $1 the pipeline, $2 identities, $3 the rows as a JSON array; null for one whose place a later one takes.
 */
export function writeStatement({ table, columns, key }: TableShape): string {
  const target = quoteTable(table)
  const list = columns.map(quote).join(', ')
  return `
    WITH given AS (
      SELECT identity, n, row
      FROM unnest($2::text[]) WITH ORDINALITY AS identities (identity, n)
      JOIN jsonb_array_elements($3::jsonb) WITH ORDINALITY AS rows (row, n) USING (n)
    ), fresh AS (
      INSERT INTO millrace_sink_ledger (pipeline, identity)
      SELECT $1, identity FROM given ORDER BY identity
      ON CONFLICT DO NOTHING
      RETURNING identity
    )
    INSERT INTO ${target} (${list})
    SELECT ${columns.map((column) => `made.${quote(column)}`).join(', ')}
    FROM given JOIN fresh USING (identity), jsonb_populate_record(NULL::${target}, nullif(row, 'null')) AS made
    WHERE jsonb_typeof(row) = 'object'
    ORDER BY n
    ${conflictClause(columns, key)}`
}

function conflictClause(columns: readonly string[], key: readonly string[]): string {
  if (key.length === 0) return ''
  const others = columns.filter((column) => !key.includes(column))
  const change = others.map((column) => `${quote(column)} = EXCLUDED.${quote(column)}`).join(', ')
  return `ON CONFLICT (${key.map(quote).join(', ')}) DO ${change ? `UPDATE SET ${change}` : 'NOTHING'}`
}

const quoteTable = (table: string): string => table.split('.').map(quote).join('.')

/** As an identifier, whatever is in it. */
const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`
