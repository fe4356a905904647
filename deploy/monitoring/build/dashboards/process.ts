import type { DashboardOptions } from './dashboard.ts'
import { query, timeseries, type PanelOptions } from './panels.ts'
import { OF_INSTANCE, OF_SERVICE, rate } from './selectors.ts'

const LEGEND = '{{instance}}'
const OURS = 'and on (job, instance) millrace_build_info'

/** Every Node.js process tells these: without a choice above, those of others would be here as well. */
const own = (expr: string): string => `(${expr}) ${OURS}`

const byInstance = (expr: string, options: Omit<PanelOptions, 'queries'>) =>
  timeseries({ ...options, queries: [query(expr, LEGEND)] })

const summed = (metric: string, by = '') => `sum by (instance${by}) (${rate(metric, OF_INSTANCE)})`

export const process: DashboardOptions = {
  name: 'process',
  title: 'Process',
  about: 'What each instance takes of its machine, and whether its metrics are whole.',
  choices: [],
  rows: [
    {
      title: 'CPU and event loop',
      height: 8,
      panels: [
        byInstance(own(rate('process_cpu_seconds_total', OF_INSTANCE)), {
          title: 'CPU',
          about: '1 is one core. JavaScript runs on one: near 1 it is busy all the time.',
          unit: 'none',
          bad: { warning: 0.9 },
          runbook: 'MillraceEventLoopLate',
        }),
        timeseries({
          title: 'Delay of the event loop',
          about:
            'The half, and 99 of 100, since the scrape before. From MAX_EVENT_LOOP_DELAY_MS on requests are refused.',
          unit: 's',
          queries: [
            query(own(`nodejs_eventloop_lag_p50_seconds{${OF_INSTANCE}}`), `${LEGEND} 50 %`),
            query(own(`nodejs_eventloop_lag_p99_seconds{${OF_INSTANCE}}`), `${LEGEND} 99 %`),
          ],
          bad: { warning: 0.25, critical: 1 },
          runbook: 'MillraceEventLoopLate',
        }),
        timeseries({
          title: 'Time for garbage',
          about: 'Which part of the time is spent on collecting it, by kind. More than a tenth is much.',
          unit: 'percentunit',
          queries: [query(summed('nodejs_gc_duration_seconds_sum', ', kind'), `${LEGEND} {{kind}}`)],
          bad: { warning: 0.1 },
          runbook: 'MillraceProcessMemory',
        }),
      ],
    },
    {
      title: 'Memory',
      height: 8,
      panels: [
        byInstance(own(`process_resident_memory_bytes{${OF_INSTANCE}}`), {
          title: 'The process',
          about: 'All that it takes. From MAX_MEMORY_BYTES on (1 GiB) requests are refused.',
          unit: 'bytes',
          bad: { warning: 768 * 1024 * 1024, critical: 1024 * 1024 * 1024 },
          runbook: 'MillraceProcessMemory',
        }),
        byInstance(own(`nodejs_heap_size_used_bytes{${OF_INSTANCE}}`), {
          title: 'The heap',
          about: 'What JavaScript uses. Teeth of a saw are well; valleys that rise for hours are a leak.',
          unit: 'bytes',
          runbook: 'MillraceProcessMemory',
        }),
        byInstance(own(`nodejs_external_memory_bytes{${OF_INSTANCE}}`), {
          title: 'Beside the heap',
          about: 'Buffers: what is on its way to and from Redis and clients.',
          unit: 'bytes',
          runbook: 'MillraceProcessMemory',
        }),
      ],
    },
    {
      title: 'Connections and starts',
      height: 8,
      panels: [
        byInstance(own(`process_open_fds{${OF_INSTANCE}} / process_max_fds{${OF_INSTANCE}}`), {
          title: 'File descriptors',
          about: 'Open ones, of those that it may have.',
          unit: 'percentunit',
          bad: { warning: 0.8 },
          runbook: 'MillraceOpenFiles',
        }),
        byInstance(own(`time() - process_start_time_seconds{${OF_INSTANCE}}`), {
          title: 'Up for',
          about: 'It falls to 0 with each start.',
          unit: 's',
          runbook: 'MillraceRestarting',
        }),
        byInstance(summed('http_request_duration_seconds_count'), {
          title: 'HTTP requests',
          about: 'Whether load is spread evenly.',
          unit: 'reqps',
          runbook: 'MillraceHttpErrors',
        }),
      ],
    },
    {
      title: 'Redis, PostgreSQL and the metrics themselves',
      height: 8,
      panels: [
        timeseries({
          title: 'Memory of Redis, of its limit',
          about: 'Nothing where it has no limit.',
          unit: 'percentunit',
          queries: [
            query(
              `max by (server) (redis_memory_used_bytes{${OF_SERVICE}}) / (max by (server) (redis_memory_max_bytes{${OF_SERVICE}}) > 0)`,
              '{{server}}',
            ),
          ],
          bad: { warning: 0.8, critical: 0.95 },
          runbook: 'MillraceRedisMemoryHigh',
        }),
        timeseries({
          title: 'Numbers that could not be fetched',
          about: 'By where they are. Those of the database mean that it does not answer.',
          unit: 'ops',
          queries: [query(summed('millrace_scrape_errors_total', ', part'), `${LEGEND} {{part}}`)],
          runbook: 'MillraceMetricsIncomplete',
        }),
        timeseries({
          title: 'What is missing here',
          about: 'Streams that are left out, and samples that are dropped.',
          unit: 'short',
          queries: [
            query(`max by (instance) (millrace_streams_left_out{${OF_INSTANCE}})`, `${LEGEND} streams`),
            query(
              `sum by (instance, metric) (millrace_metric_samples_dropped_total{${OF_INSTANCE}})`,
              `${LEGEND} {{metric}}`,
            ),
          ],
          bad: { warning: 1 },
          runbook: 'MillraceMetricsIncomplete',
        }),
      ],
    },
  ],
}
