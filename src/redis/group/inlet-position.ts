import type { Claim, CopyOf } from '../../core/stream-log.ts'
import { COPY_FIELDS } from '../keys.ts'

/** Before the position that an entry has in the inlet: positions of the stream would repeat there. */
export const INLET_PREFIX = 'inlet/'

export const isInInlet = (position: string): boolean => position.startsWith(INLET_PREFIX)
export const fromInlet = (position: string): string => INLET_PREFIX + position
export const toInlet = (position: string): string => position.slice(INLET_PREFIX.length)

/** A claim as the group sees it: with the fields of the original, and what it is a copy of. */
export function claimFromInlet(claim: Claim): Claim {
  const { fields } = claim
  const position = fromInlet(claim.position)
  const copyOf = readCopyOf(fields)
  return copyOf ? { ...claim, position, fields: fields.slice(0, -4), copyOf } : { ...claim, position }
}

/** Undefined for what somebody wrote there without saying what it is a copy of: an entry like any other. */
function readCopyOf(fields: readonly string[]): CopyOf | undefined {
  const [position, original, cause, value] = fields.slice(-4)
  if (position !== COPY_FIELDS.position || cause !== COPY_FIELDS.cause) return undefined
  return { position: original!, cause: value === 'replay' ? 'replay' : 'redrive' }
}
