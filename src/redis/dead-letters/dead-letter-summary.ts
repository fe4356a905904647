import type { DeadLetterCount, DeadLetterFilter, DeadLetterSummary } from '../../core/dead-letters.ts'
import type { Connection } from '../connection.ts'
import { LETTERS_PER_STEP, toScriptFilter } from './dead-letter-filter.ts'
import { readKeys } from './dead-letter-keys.ts'
import { summaryScript, type CountRow } from './dead-letter-scripts.ts'
import { deadLetterKey } from '../keys.ts'

const MAX_LOOKED_AT = 100_000
const MAX_COUNTS = 1_000

/** Counts letters that are alike, from the newest on. */
export async function summarize(
  connection: Connection,
  stream: string,
  filter: DeadLetterFilter,
): Promise<DeadLetterSummary> {
  const { from, to, words } = toScriptFilter(filter)
  const total = await connection.send<number>(['XLEN', deadLetterKey(stream)])
  const counts = new Map<string, DeadLetterCount>()
  let looked = 0
  let start = to
  while (start !== '' && looked < MAX_LOOKED_AT) {
    const args = ['XREVRANGE', start, from, String(LETTERS_PER_STEP), ...words]
    const [next, shown, rows] = await summaryScript.run(connection, readKeys(stream), args)
    for (const row of rows) add(counts, row)
    looked += shown
    start = next && `(${next}`
  }
  const sorted = [...counts.values()].sort((a, b) => b.count - a.count)
  return { total, counts: sorted.slice(0, MAX_COUNTS), complete: start === '' && sorted.length <= MAX_COUNTS }
}

/** Pages come newest first, and so do the letters in them. */
function add(
  counts: Map<string, DeadLetterCount>,
  [group, error, type, count, newest, oldest]: CountRow,
): void {
  const key = JSON.stringify([group, error, type])
  const known = counts.get(key)
  if (known) counts.set(key, { ...known, count: known.count + count, oldest })
  else counts.set(key, { group, error, type, count, oldest, newest })
}
