import { anchorOf } from '../runbook.ts'

/** `critical`: somebody gets up. `warning`: somebody looks in the morning. */
export type Severity = 'critical' | 'warning'

/** One alert. Its name is the heading of its section in the runbook. */
export interface Alert {
  readonly name: `Millrace${string}`
  readonly severity: Severity
  /** How long it has to be true, such as `5m`. */
  readonly for: string
  readonly expr: string
  /** One line, with names. */
  readonly summary: string
  /** What is the case, with the value. */
  readonly what: string
  /** What to do first. */
  readonly first: string
}

/** What is computed once for several alerts. */
export interface Recording {
  /** As `level:metric:operation`. */
  readonly name: `millrace:${string}`
  readonly expr: string
}

export interface RuleGroup {
  readonly name: `millrace.${string}`
  readonly rules: readonly (Alert | Recording)[]
}

export const isAlert = (rule: Alert | Recording): rule is Alert => 'severity' in rule

/** As Prometheus wants it. */
export function toPrometheus(rule: Alert | Recording, runbook: string): object {
  if (!isAlert(rule)) return { record: rule.name, expr: rule.expr }
  return {
    alert: rule.name,
    expr: rule.expr,
    for: rule.for,
    labels: { severity: rule.severity },
    annotations: {
      summary: rule.summary,
      description: `${rule.what} First: ${rule.first}`,
      runbook_url: `${runbook}#${anchorOf(rule.name)}`,
    },
  }
}
