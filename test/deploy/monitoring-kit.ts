import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Dashboard, Panel } from '../../deploy/monitoring/build/dashboards/grafana.ts'

export const MONITORING = join(import.meta.dirname, '../../deploy/monitoring')

const filesOf = (folder: string): string[] =>
  readdirSync(join(MONITORING, folder))
    .toSorted()
    .map((name) => join(MONITORING, folder, name))

export const RULES = join(MONITORING, 'rules/millrace.yml')
export const RULE_TESTS = filesOf('tests')

/** The dashboards as they are shipped. */
export const DASHBOARDS = filesOf('dashboards').map(
  (file) => JSON.parse(readFileSync(file, 'utf8')) as Dashboard,
)

export interface Rule {
  alert?: string
  record?: string
  expr: string
  for?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

/** The rules as they are shipped. */
export const rules = (
  parse(readFileSync(RULES, 'utf8')) as { groups: { name: string; rules: Rule[] }[] }
).groups.flatMap((group) => group.rules)

export const alerts = rules.filter((rule): rule is Rule & { alert: string } => rule.alert !== undefined)

export interface PanelQuery {
  /** `dashboard / panel / series`. */
  name: string
  panel: Panel
  expr: string
}

export const panelQueries: PanelQuery[] = DASHBOARDS.flatMap(({ uid, panels }) =>
  panels.flatMap((panel) =>
    (panel.targets ?? []).map(({ expr, legendFormat }) => ({
      name: `${uid} / ${panel.title} / ${legendFormat}`,
      panel,
      expr,
    })),
  ),
)

/** The metrics that an expression names, those of histograms without what is put behind them. */
export function metricsIn(expr: string): string[] {
  const outsideLabels = expr.replaceAll(/"[^"]*"/g, (text) => (text.includes('_total|') ? text : '""'))
  const names =
    outsideLabels.match(/\b(?:http|ingress|millrace|nodejs|process|proxy|redis)_[a-z0-9_]+/g) ?? []
  return [...new Set(names.map((name) => name.replace(/_(?:bucket|count|sum)$/, '')))]
}
