import { LANE_NAMES, LANES } from '../load.ts'
import { readEvidence } from '../evidence.ts'
import type { Found } from './observe.ts'
import type { Violation } from './report.ts'

const GROUP_KEYS = 'group:[^:]+(:(seen|rate):.+)?'
const STREAM_KEYS = `(dead-letter|effects|retention|idempotency:.+|${GROUP_KEYS})`
/** All keys that may be left when nobody consumes any more; docs/internals.md says what they are. */
const EXPECTED = new RegExp(
  `^(${LANE_NAMES.map((lane) => LANES[lane].stream).join('|')}|\\{(${LANE_NAMES.map((lane) => LANES[lane].stream).join('|')})\\}:${STREAM_KEYS}|millrace:scheduled(:earlier)?)$`,
)
/** Owns what waits for its retry; it stays, with nothing. */
const RETRY_CONSUMER = '~retry'

/** Nothing is pending, and no consumer, key, connection or process is left. */
export function checkLeftovers(folder: string, found: Found, trouble: readonly string[]): Violation[] {
  const violations = trouble.map((what) => left('the run', what))
  for (const lane of LANE_NAMES)
    for (const { group, name, pending } of found.streams[lane].consumers)
      if (pending > 0 || name !== RETRY_CONSUMER)
        violations.push(left(`${name} of ${group}`, `a consumer with ${pending} entries`))
  for (const key of found.keys) if (!EXPECTED.test(key)) violations.push(left(key, 'a key of nobody'))
  for (const key of found.lasting) violations.push(left(key, 'a key that never ends'))
  for (const line of found.connections) violations.push(left('a connection', line))
  for (const [, at, name, what, detail] of ends(folder))
    if (what === 'stuck' || (what === 'ended' && detail !== '0' && detail !== 'SIGKILL'))
      violations.push({
        invariant: 'crash',
        subject: name!,
        expected: 'an end by itself, and none before it was asked to',
        found: `${what}: ${detail}`,
        at: Number(at),
      })
  return violations
}

const ends = (folder: string): string[][] => readEvidence(folder, 'ends').map((row) => ['', ...row])

const left = (subject: string, found: string): Violation => ({
  invariant: 'leftover',
  subject,
  expected: 'nothing left at the end',
  found,
})
