import { expect, test } from 'vitest'
import { Metrics } from './metrics.ts'
import { PipelineMetrics } from './pipelines.ts'

test('what pipelines do is counted by their names', async () => {
  const pipelines = new PipelineMetrics(() => [
    { name: 'archive', up: true, paused: false },
    { name: 'away', up: false, paused: true },
    { name: 'intake', up: undefined, paused: false },
  ])
  pipelines.wrote('archive', 100, 0.02)
  pipelines.wrote('archive', 3, 4)
  pipelines.failed('away', 'SINK_UNAVAILABLE')
  pipelines.failed('away', 'SINK_UNAVAILABLE')
  pipelines.published('intake', 7)
  const { text } = await new Metrics().add(...pipelines.metrics).scrape()
  const lines = text.split('\n')
  for (const line of [
    'millrace_sink_written_total{pipeline="archive"} 103',
    'millrace_sink_failures_total{pipeline="away",error="SINK_UNAVAILABLE"} 2',
    'millrace_sink_write_duration_seconds_bucket{le="0.025",pipeline="archive"} 1',
    'millrace_sink_write_duration_seconds_count{pipeline="archive"} 2',
    'millrace_sink_batch_size_bucket{le="5",pipeline="archive"} 1',
    'millrace_sink_batch_size_sum{pipeline="archive"} 103',
    'millrace_source_published_total{pipeline="intake"} 7',
    'millrace_sink_up{pipeline="archive"} 1',
    'millrace_sink_up{pipeline="away"} 0',
    'millrace_pipeline_paused{pipeline="away"} 1',
    'millrace_pipeline_paused{pipeline="intake"} 0',
  ])
    expect(lines).toContain(line)
  // A source has no sink that could be away.
  expect(text).not.toContain('millrace_sink_up{pipeline="intake"}')
})
