import type { GroupExplanation, Severity } from '../../core/explain.ts'
import { plural } from '../output/format.ts'
import type { CheckResult, State } from './result.ts'

/** How many groups are told by name. */
const TOLD = 3

const STATE_OF: Readonly<Record<Severity, State>> = { ok: 'OK', warning: 'WARNING', critical: 'CRITICAL' }

/** Goes by the gravest of the verdicts. */
export function judgeVerdicts(explanations: readonly GroupExplanation[]): CheckResult {
  const amiss = explanations.filter(({ severity }) => severity !== 'ok')
  const critical = amiss.filter(({ severity }) => severity === 'critical')
  const performance = [
    `groups=${explanations.length}`,
    `warning=${amiss.length - critical.length}`,
    `critical=${critical.length}`,
  ]
  const [worst] = [...critical, ...amiss]
  if (!worst) return { state: 'OK', text: `${plural(explanations.length, 'group')} well`, performance }
  const told = [...critical, ...amiss.filter(({ severity }) => severity === 'warning')].map(
    ({ stream, group, verdict, summary }) => `${stream}/${group} ${verdict}: ${summary}`,
  )
  const rest = told.length > TOLD ? `; and ${told.length - TOLD} more` : ''
  return { state: STATE_OF[worst.severity], text: told.slice(0, TOLD).join('; ') + rest, performance }
}
