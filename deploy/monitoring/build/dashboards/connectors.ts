import type { DashboardOptions } from './dashboard.ts'
import { query, stat, timeseries } from './panels.ts'
import { OF_PIPELINE_HERE, quantile, rate } from './selectors.ts'

const perSecond = (metric: string) => `sum by (pipeline) (${rate(metric, OF_PIPELINE_HERE)})`
const LEGEND = '{{pipeline}}'

export const connectors: DashboardOptions = {
  name: 'connectors',
  title: 'Connectors',
  about: 'Pipelines that lead events to other systems, and from them.',
  choices: ['pipeline'],
  rows: [
    {
      title: 'Now',
      height: 5,
      panels: [
        stat({
          title: 'Sinks that are reached',
          about: '1: an instance can write to it. 0: none can; entries stay in the stream.',
          unit: 'none',
          queries: [query(`max by (pipeline) (millrace_sink_up{${OF_PIPELINE_HERE}})`, LEGEND)],
          runbook: 'MillraceSinkDown',
        }),
        stat({
          title: 'Paused',
          about: '1: it writes nothing until it is resumed.',
          unit: 'none',
          queries: [query(`max by (pipeline) (millrace_pipeline_paused{${OF_PIPELINE_HERE}})`, LEGEND)],
          bad: { warning: 1 },
          runbook: 'MillracePipelinePaused',
        }),
      ],
    },
    {
      title: 'Writing',
      height: 8,
      panels: [
        timeseries({
          title: 'Written',
          about: 'Events that the sink has for good.',
          unit: 'ops',
          queries: [query(perSecond('millrace_sink_written_total'), LEGEND)],
          runbook: 'MillraceSinkFailing',
        }),
        timeseries({
          title: 'Failures, by error',
          about:
            'Writes that failed. They are tried again; what the sink refuses for good goes to the dead letters.',
          unit: 'ops',
          queries: [
            query(
              `sum by (pipeline, error) (${rate('millrace_sink_failures_total', OF_PIPELINE_HERE)})`,
              `${LEGEND} {{error}}`,
            ),
          ],
          runbook: 'MillraceSinkFailing',
        }),
      ],
    },
    {
      title: 'Speed',
      height: 8,
      panels: [
        timeseries({
          title: 'How long a write takes',
          about: 'The half of them, and 99 of 100.',
          unit: 's',
          queries: [0.5, 0.99].map((share) =>
            query(
              quantile(share, 'millrace_sink_write_duration_seconds', OF_PIPELINE_HERE, 'pipeline'),
              `${LEGEND} ${share * 100} %`,
            ),
          ),
          runbook: 'MillraceSinkFailing',
        }),
        timeseries({
          title: 'Events in one write',
          about: 'The half of them. Small ones while there is a lag cost speed.',
          unit: 'short',
          queries: [query(quantile(0.5, 'millrace_sink_batch_size', OF_PIPELINE_HERE, 'pipeline'), LEGEND)],
          runbook: 'MillraceSinkFailing',
        }),
        timeseries({
          title: 'Published by sources',
          about: 'Events that came from other systems.',
          unit: 'ops',
          queries: [query(perSecond('millrace_source_published_total'), LEGEND)],
          runbook: 'MillraceSinkFailing',
        }),
      ],
    },
  ],
}
