import type { RuleGroup } from './alert.ts'
import { BY_PIPELINE } from './labels.ts'

const THE_PIPELINE = 'the pipeline {{ $labels.pipeline }}'

/** What leads events to other systems. */
export const connectors: RuleGroup = {
  name: 'millrace.connectors',
  rules: [
    {
      name: 'MillraceSinkDown',
      severity: 'critical',
      for: '2m',
      expr: `max ${BY_PIPELINE} (millrace_sink_up) == 0`,
      summary: `${THE_PIPELINE} does not reach its sink`,
      what: 'No instance can write to it. Entries stay in the stream until one can.',
      first: 'see in the log of the connector what the sink says.',
    },
    {
      name: 'MillraceSinkFailing',
      severity: 'warning',
      for: '10m',
      expr: `sum ${BY_PIPELINE} (rate(millrace_sink_failures_total[5m])) > 0`,
      summary: `writes of ${THE_PIPELINE} fail`,
      what: '{{ $value | humanize }} of them in a second, for 10 minutes. They are tried again.',
      first: 'see by which error in the dashboard of connectors.',
    },
    {
      name: 'MillracePipelinePaused',
      severity: 'warning',
      for: '1h',
      expr: `max ${BY_PIPELINE} (millrace_pipeline_paused) == 1`,
      summary: `${THE_PIPELINE} is paused`,
      what: 'It writes nothing, and has not for an hour.',
      first: 'ask who paused it, and whether it is still meant.',
    },
  ],
}
