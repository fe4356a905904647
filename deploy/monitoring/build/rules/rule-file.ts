import { stringify } from 'yaml'
import { toPrometheus, type RuleGroup } from './alert.ts'
import { connectors } from './connectors.ts'
import { groups } from './groups.ts'
import { recordings } from './recordings.ts'
import { requests } from './requests.ts'
import { resources } from './resources.ts'
import { service } from './service.ts'

/** What is recorded comes first, for those that look at it. */
export const RULE_GROUPS: readonly RuleGroup[] = [
  recordings,
  service,
  groups,
  requests,
  connectors,
  resources,
]

const ABOUT = `# Made by \`npm run dashboards\` from deploy/monitoring/build/rules: change it there.
`

/** A file of rules for Prometheus. */
export const ruleFile = (runbook: string): string => ABOUT + text({ groups: groupsOf(runbook) })

/** The same for the Prometheus operator. */
export const ruleResource = (runbook: string): string =>
  ABOUT +
  text({
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'millrace', labels: { 'app.kubernetes.io/name': 'millrace' } },
    spec: { groups: groupsOf(runbook) },
  })

const groupsOf = (runbook: string) =>
  RULE_GROUPS.map(({ name, rules }) => ({ name, rules: rules.map((rule) => toPrometheus(rule, runbook)) }))

const text = (value: object): string => stringify(value, { lineWidth: 110, aliasDuplicateObjects: false })
