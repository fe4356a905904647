import { RUNBOOK } from '../runbook.ts'
import type { DataSource, Variable } from './grafana.ts'

export const DATA_SOURCE: DataSource = { type: 'prometheus', uid: '${datasource}' }

const dataSource: Variable = {
  name: 'datasource',
  label: 'Data source',
  type: 'datasource',
  query: 'prometheus',
  regex: '',
  hide: 0,
  includeAll: false,
  multi: false,
  current: {},
  options: [],
}

/** Where the runbook can be read by people who look at Grafana. */
const runbook = (url: string): Variable => ({
  name: 'runbook',
  label: 'Runbook',
  type: 'constant',
  query: url,
  hide: 2,
  current: { text: url, value: url, selected: true },
  options: [{ text: url, value: url, selected: true }],
})

/** The values of a label. All of them are `.*`, which takes what lacks the label as well. */
function labels(label: string, title: string, metric: string): Variable {
  const query = `label_values(${metric}, ${label})`
  return {
    name: label,
    label: title,
    type: 'query',
    datasource: DATA_SOURCE,
    query: { qryType: 1, query, refId: 'PrometheusVariableQueryEditor-VariableQuery' },
    definition: query,
    hide: 0,
    refresh: 2,
    sort: 1,
    regex: '',
    includeAll: true,
    allValue: '.*',
    multi: true,
    current: { text: ['All'], value: ['$__all'], selected: true },
    options: [],
  }
}

/** What every dashboard has. */
const common = (url: string): Variable[] => [
  dataSource,
  runbook(url),
  labels('namespace', 'Namespace', 'millrace_build_info'),
  labels('job', 'Service', 'millrace_build_info{namespace=~"$namespace"}'),
  labels('instance', 'Instance', 'millrace_build_info{namespace=~"$namespace",job=~"$job"}'),
]

const FURTHER = {
  stream: labels('stream', 'Stream', 'redis_stream_length{namespace=~"$namespace",job=~"$job"}'),
  group: labels(
    'group',
    'Group',
    'redis_stream_group_consumers{namespace=~"$namespace",job=~"$job",stream=~"$stream"}',
  ),
  pipeline: labels('pipeline', 'Pipeline', 'millrace_sink_up{namespace=~"$namespace",job=~"$job"}'),
} as const

/** What a dashboard can be narrowed down by, beside the service and its instances. */
export type Choice = keyof typeof FURTHER

export const variables = (choices: readonly Choice[], runbook = RUNBOOK): Variable[] => [
  ...common(runbook),
  ...choices.map((choice) => FURTHER[choice]),
]
