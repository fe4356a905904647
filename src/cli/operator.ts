import { hostname, userInfo } from 'node:os'
import { checkOperator, type Operator } from '../core/action-record.ts'
import type { OperatorFlags } from './flags.ts'

/** Who runs this command, as it is written down. */
export const operatorOf = ({ actor, reason }: OperatorFlags): Required<Operator> =>
  checkOperator({ actor: actor ?? `${userName()}@${hostname()}`, ...(reason !== undefined && { reason }) })

/** In a container the user's number often has no name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`
  }
}
