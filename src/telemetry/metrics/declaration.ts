import { InvalidError, type Issue } from '../../core/errors.ts'
import type { MetricKind } from '../../core/metric.ts'

/** What every metric says of itself. */
export interface MetricOptions<L extends string = string> {
  /** Such as `signups_total`: letters, digits and `_`; that of a counter ends in `_total`. */
  name: string
  /** One line, for whoever reads the number on a bad day; with the unit, where it has one. */
  help: string
  /** Names of labels (none). Each set of values is a series of its own, so the values must be few: never ids. */
  labels?: readonly L[]
}

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,199}$/
const LABEL = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,99}$/
const RESERVED_LABELS: ReadonlySet<string> = new Set(['le', 'quantile'])
/** Taken by Millrace, by those that it stands in for, and by what every process tells. */
const RESERVED_PREFIXES = ['millrace_', 'nodejs_', 'process_', 'redis_']
const MAX_LABELS = 10

/** @throws InvalidError `CONFIGURATION_INVALID` with every mistake */
export function checkDeclaration(kind: MetricKind, options: MetricOptions, buckets: readonly number[]): void {
  const { name, help, labels = [] } = options
  const issues: Issue[] = []
  const refuse = (path: string, message: string) => void issues.push({ path, message })
  checkName(kind, name, refuse)
  if (typeof help !== 'string' || help.trim() === '')
    refuse('help', 'must be a sentence that says what it is')
  if (labels.length > MAX_LABELS) refuse('labels', `must be ${MAX_LABELS} at most, not ${labels.length}`)
  for (const [index, label] of labels.entries()) {
    if (typeof label !== 'string' || !LABEL.test(label))
      refuse(`labels.${index}`, `must be letters, digits and _, such as "plan", not ${JSON.stringify(label)}`)
    else if (RESERVED_LABELS.has(label))
      refuse(`labels.${index}`, `must not be "${label}", which Prometheus uses`)
    else if (labels.indexOf(label) !== index) refuse(`labels.${index}`, `is "${label}" a second time`)
  }
  checkBuckets(buckets, refuse)
  if (issues.length > 0)
    throw new InvalidError(
      'CONFIGURATION_INVALID',
      `the metric ${JSON.stringify(name)} can't be used`,
      issues,
    )
}

type Refuse = (path: string, message: string) => void

function checkName(kind: MetricKind, name: unknown, refuse: Refuse): void {
  if (typeof name !== 'string' || !NAME.test(name))
    return refuse('name', 'must be letters, digits and _, such as "signups_total", at most 200 of them')
  const prefix = RESERVED_PREFIXES.find((one) => name.startsWith(one))
  if (prefix) refuse('name', `must not begin with "${prefix}", which is taken`)
  if (kind === 'counter' && !name.endsWith('_total'))
    refuse('name', 'must end in "_total", since it is a counter')
  if (kind !== 'counter' && /_(total|sum|count|bucket)$/.test(name))
    refuse('name', `must not end in what means something else to Prometheus, since it is a ${kind}`)
}

function checkBuckets(buckets: readonly number[], refuse: Refuse): void {
  const isGood = buckets.every(
    (bound, index) => Number.isFinite(bound) && (index === 0 || bound > buckets[index - 1]!),
  )
  if (!isGood || buckets.length > 100)
    refuse('buckets', `must be at most 100 numbers that grow, not ${JSON.stringify(buckets).slice(0, 100)}`)
}
