import { InvalidError, type Issue } from '../../core/errors.ts'
import { MAX_POSITIONS, type PendingSelection } from '../../core/group-members.ts'
import { checkName } from '../../core/names.ts'
import { comparePositions, isEntryId, plainPosition } from '../../core/position.ts'
import { INLET_PREFIX, isInInlet, toInlet } from '../group/inlet-position.ts'

/** What an operator means, by where it lies: all that one consumer holds, or some positions, in order and once each. */
export type Selected = { consumer: string } | { inStream: string[]; inInlet: string[] }

/** So many mistakes are told one by one. */
const MAX_ISSUES = 10

/** @throws InvalidError `CONFIGURATION_INVALID` with what is wrong, MillraceError `NAME_INVALID` */
export function checkSelection(selection: PendingSelection): Selected {
  if ('consumer' in selection) {
    checkName('consumer name', selection.consumer)
    return { consumer: selection.consumer }
  }
  const { positions } = selection
  const issues = issuesOf(positions)
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'these can not be pending entries', issues)
  const inStream = positions.filter((position) => !isInInlet(position))
  const inInlet = positions.filter(isInInlet).map(toInlet)
  return { inStream: inOrder(inStream), inInlet: inOrder(inInlet) }
}

export const isPendingPosition = (position: unknown): position is string =>
  typeof position === 'string' && isEntryId(isInInlet(position) ? toInlet(position) : position)

function issuesOf(positions: unknown): Issue[] {
  const path = 'positions'
  if (!Array.isArray(positions) || positions.length === 0)
    return [{ path, message: 'must be a list of at least one position, or give a consumer' }]
  if (positions.length > MAX_POSITIONS)
    return [{ path, message: `are ${positions.length}; at most ${MAX_POSITIONS} can be given at once` }]
  const wrong = positions.flatMap((position, index) => (isPendingPosition(position) ? [] : [index]))
  return wrong.slice(0, MAX_ISSUES).map((index) => ({
    path: `${path}.${index}`,
    message: `must be a position such as 1700000000000-0, or ${INLET_PREFIX}1700000000000-0, not ${JSON.stringify(positions[index])}`,
  }))
}

const inOrder = (positions: readonly string[]): string[] =>
  [...new Set(positions.map(plainPosition))].sort(comparePositions)
