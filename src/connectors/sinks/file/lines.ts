import type { Document } from './keeper.ts'
import { identityOf } from './names.ts'

const PREFIX = '{"millraceentry":"'
const PREFIX_BYTES = Buffer.from(PREFIX)
const [NEW_LINE, QUOTE, BRACE, NUL] = [0x0a, 0x22, 0x7d, 0]
/** Two numbers of 20 digits, a part and a fingerprint are shorter. */
const MAX_IDENTITY_LENGTH = 80

/** An event as a line; the attribute `millraceentry` comes first, and says which one it is. */
export const lineOf = ({ event, json }: Document): string =>
  `${PREFIX}${identityOf(event)}",${json.slice(1)}\n`

/**
 * The identities of whole lines, and how many bytes those are. It ends at the first line that is torn or was never
 * written, as a loss of power leaves it: what is behind that was not acknowledged either.
 */
export function readLines(text: Buffer): { identities: string[]; bytes: number } {
  const identities: string[] = []
  let bytes = 0
  for (;;) {
    const end = text.indexOf(NEW_LINE, bytes)
    const identity = end < 0 ? undefined : identityIn(text.subarray(bytes, end))
    if (identity === undefined) return { identities, bytes }
    identities.push(identity)
    bytes = end + 1
  }
}

function identityIn(line: Buffer): string | undefined {
  if (!line.subarray(0, PREFIX_BYTES.length).equals(PREFIX_BYTES)) return undefined
  if (line.at(-1) !== BRACE || line.includes(NUL)) return undefined
  const end = line.indexOf(QUOTE, PREFIX_BYTES.length)
  if (end < 0 || end > PREFIX_BYTES.length + MAX_IDENTITY_LENGTH) return undefined
  return line.toString('latin1', PREFIX_BYTES.length, end)
}
