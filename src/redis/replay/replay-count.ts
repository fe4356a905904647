import type { RangeCount } from '../../core/replay.ts'
import type { Connection } from '../connection.ts'
import { WALK } from './replay-lua.ts'
import { Script } from '../script.ts'

const ENTRIES_PER_STEP = 1_000
const MAX_COUNTED = 1_000_000

/** ARGV: from, to, how many at most. Answers the last one (`` at the end), how many, the first and the last. */
const countScript = new Script<[next: string, shown: number, first: string | null, last: string | null]>(`
${WALK}
local first, last = false, false
local next, shown = walk('XRANGE', ARGV[1], ARGV[2], tonumber(ARGV[3]), function(entry)
  first = first or entry[1]
  last = entry[1]
end)
return { next, shown, first, last }
`)

/** Counts the entries of a range, in small steps. */
export async function countRange(
  connection: Connection,
  stream: string,
  from: string,
  to: string,
): Promise<RangeCount> {
  let entries = 0
  let first: string | undefined
  let last: string | undefined
  let start = from
  while (start !== '' && entries < MAX_COUNTED) {
    const reply = await countScript.run(connection, [stream], [start, to, String(ENTRIES_PER_STEP)])
    entries += reply[1]
    first ??= reply[2] ?? undefined
    last = reply[3] ?? last
    start = reply[0] && `(${reply[0]}`
  }
  const ends = first === undefined || last === undefined ? {} : { first, last }
  return { ...ends, entries, complete: start === '' }
}
