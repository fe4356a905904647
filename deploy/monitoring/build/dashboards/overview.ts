import type { DashboardOptions, Row } from './dashboard.ts'
import { query, stat, table, timeseries } from './panels.ts'
import { countOf, OF_INSTANCE, OF_SERVICE, quantile, rate } from './selectors.ts'

const GROUP = 'by (stream, group)'
const STREAMS = '/d/millrace-streams?${datasource:queryparam}&${namespace:queryparam}&${job:queryparam}'

const lag = `max ${GROUP} (millrace_group_lag{${OF_SERVICE}})`
const pendingAge = `max ${GROUP} (millrace_group_oldest_pending_age_seconds{${OF_SERVICE}})`
const nothingDelivered = `(${lag} > 0 and min ${GROUP} (min_over_time(millrace_group_lag{${OF_SERVICE}}[10m])) > 0 and max ${GROUP} (changes(redis_stream_group_last_delivered_id{${OF_SERVICE}}[10m])) == 0)`
const nobodyReads = `(${lag} > 0 and max ${GROUP} (redis_stream_group_consumers{${OF_SERVICE}}) == 0)`
// What a group catches up with may be as old; what is stuck grows older by a second each second.
const pendingAgeBefore = `max ${GROUP} (millrace_group_oldest_pending_age_seconds{${OF_SERVICE}} offset 5m)`
const notEnded = `(${pendingAge} and ${pendingAge} - ${pendingAgeBefore} > 285)`
const unknown = `(max ${GROUP} (millrace_group_lag_known{${OF_SERVICE}}) == 0)`

const because = (expr: string, problem: string) => `label_replace(${expr}, "problem", "${problem}", "", "")`

const stuck: Row = {
  title: 'Is anything stuck, and where?',
  height: 4,
  panels: [
    stat({
      title: 'Not ready',
      about: 'Instances that run and take no requests. /health/ready of each says why.',
      unit: 'none',
      queries: [query(countOf(`millrace_ready{${OF_INSTANCE}} == 0`), 'instances')],
      bad: { critical: 1 },
      runbook: 'MillraceNotReady',
    }),
    stat({
      title: 'Without Redis',
      about: 'Instances that do not reach Redis: nothing is published or consumed by them.',
      unit: 'none',
      queries: [query(countOf(`millrace_redis_connected{${OF_INSTANCE}} == 0`), 'instances')],
      bad: { critical: 1 },
      runbook: 'MillraceRedisDisconnected',
    }),
    stat({
      title: 'Groups that are stuck',
      about:
        'Groups with entries to read, to which nothing was delivered for 10 minutes, or that nobody reads.',
      unit: 'none',
      queries: [query(countOf(`${nothingDelivered} or ${nobodyReads}`), 'groups')],
      bad: { critical: 1 },
      runbook: 'MillraceGroupStuck',
    }),
    stat({
      title: 'Groups that do not end',
      about:
        'Groups of which the oldest pending entry is the same for 5 minutes, and does not wait for a retry.',
      unit: 'none',
      queries: [query(countOf(notEnded), 'groups')],
      bad: { warning: 1 },
      runbook: 'MillraceOldestPending',
    }),
    stat({
      title: 'New dead letters',
      about: 'Dead letters within the last hour, of all streams.',
      unit: 'none',
      queries: [
        query(
          `sum(max by (stream) (millrace_dead_letter_entries{${OF_SERVICE}}) - min by (stream) (min_over_time(millrace_dead_letter_entries{${OF_SERVICE}}[1h]))) or vector(0)`,
          'letters',
        ),
      ],
      bad: { warning: 1, critical: 100 },
      runbook: 'MillraceDeadLetters',
    }),
    stat({
      title: 'Sinks that are down',
      about: 'Pipelines of which no instance reaches the sink.',
      unit: 'none',
      queries: [query(countOf(`max by (pipeline) (millrace_sink_up{${OF_SERVICE}}) == 0`), 'pipelines')],
      bad: { critical: 1 },
      runbook: 'MillraceSinkDown',
    }),
  ],
}

const where: Row = {
  title: 'Where',
  height: 8,
  panels: [
    {
      width: 12,
      panel: table({
        title: 'Groups with a problem',
        about:
          'Empty is well. The value is the number of entries that wait, or the age of the oldest pending one in seconds. `millrace explain` says why, and what mends it.',
        columns: [
          {
            ...query(
              [
                because(nothingDelivered, 'nothing is delivered'),
                because(nobodyReads, 'nobody reads'),
                because(notEnded, 'does not end what it holds'),
                because(unknown, 'lag unknown'),
              ].join(' or '),
              'entries or seconds',
            ),
            unit: 'short',
          },
        ],
        links: {
          stream: `${STREAMS}&var-stream=\${__data.fields.stream}`,
          group: `${STREAMS}&var-stream=\${__data.fields.stream}&var-group=\${__data.fields.group}`,
        },
        runbook: 'The general way',
      }),
    },
    {
      width: 12,
      panel: table({
        title: 'Alerts that fire',
        about: 'Empty is well. They come from deploy/monitoring/rules: without those it is empty as well.',
        columns: [
          {
            ...query(
              'max by (alertname, severity, stream, group, pipeline, instance) (ALERTS{alertstate="firing",alertname=~"Millrace.*",namespace=~"$namespace"})',
              'fires',
            ),
            unit: 'none',
          },
        ],
        runbook: 'The alerts',
      }),
    },
  ],
}

const flow: Row = {
  title: 'What comes in and goes out',
  height: 8,
  panels: [
    timeseries({
      title: 'Events',
      about:
        'Published, processed and failed by all instances. Failed are starts of handlers, which are tried again.',
      unit: 'ops',
      queries: [
        query(`sum(${rate('millrace_published_total', OF_INSTANCE)})`, 'published'),
        query(`sum(${rate('millrace_processed_total', OF_INSTANCE)})`, 'processed'),
        query(`sum(${rate('millrace_failed_total', OF_INSTANCE)})`, 'failed'),
        query(`sum(${rate('millrace_publish_failures_total', OF_INSTANCE)})`, 'not taken'),
      ],
      runbook: 'MillracePublishFailing',
    }),
    timeseries({
      title: 'Lag, the ten furthest behind',
      about:
        'Entries that are there and were not delivered to the group yet. One that grows for long is falling behind.',
      unit: 'short',
      queries: [query(`topk(10, ${lag})`, '{{stream}} / {{group}}')],
      bad: { warning: 1_000 },
      runbook: 'MillraceGroupFallingBehind',
    }),
    timeseries({
      title: 'Delay of events',
      about: 'From the entry in Redis to the first start of its handler, for 95 of 100 events.',
      unit: 's',
      queries: [
        query(
          quantile(0.95, 'millrace_event_delay_seconds', OF_INSTANCE, 'stream, group'),
          '{{stream}} / {{group}}',
        ),
      ],
      bad: { warning: 60 },
      runbook: 'MillraceEventsLate',
    }),
  ],
}

const api: Row = {
  title: 'The API, and what it stands on',
  height: 8,
  panels: [
    timeseries({
      title: 'Requests by status',
      about:
        '503 is refused: Redis is away, or there is too much to do. 504 is a request without a reply in time.',
      unit: 'reqps',
      stacked: true,
      queries: [
        query(`sum by (status) (${rate('http_request_duration_seconds_count', OF_INSTANCE)})`, '{{status}}'),
      ],
      runbook: 'MillraceHttpErrors',
    }),
    timeseries({
      title: 'How long requests take',
      about: 'By route, for 95 of 100 requests.',
      unit: 's',
      queries: [query(quantile(0.95, 'http_request_duration_seconds', OF_INSTANCE, 'route'), '{{route}}')],
      bad: { warning: 0.5 },
      runbook: 'MillraceHttpErrors',
    }),
    timeseries({
      title: 'Circuits',
      about: '0 closed, 1 half-open, 2 open. While that of Redis is not closed publishing is refused.',
      unit: 'none',
      queries: [
        query(
          `max by (circuit, stream, group) (millrace_circuit_state{${OF_INSTANCE}})`,
          '{{circuit}} {{stream}} {{group}}',
        ),
      ],
      bad: { critical: 1 },
      runbook: 'MillraceRedisCircuitOpen',
    }),
    timeseries({
      title: 'The oldest event in the outbox',
      about:
        'It is committed in PostgreSQL, and not published yet. 0 is well; nothing at all means that the database is away.',
      unit: 's',
      queries: [query(`max(millrace_outbox_oldest_age_seconds{${OF_INSTANCE}})`, 'oldest')],
      bad: { warning: 60 },
      runbook: 'MillraceOutboxOld',
    }),
    timeseries({
      title: 'Memory of Redis',
      about: 'Used, and what it may use where it has a limit. When it is full, Redis refuses to take events.',
      unit: 'bytes',
      queries: [
        query(`max by (server) (redis_memory_used_bytes{${OF_SERVICE}})`, 'used {{server}}'),
        query(`max by (server) (redis_memory_max_bytes{${OF_SERVICE}}) > 0`, 'limit {{server}}'),
      ],
      runbook: 'MillraceRedisMemoryHigh',
    }),
    table({
      title: 'Instances',
      about: 'What runs, in which version, and whether it is ready and reaches Redis: 1 is yes.',
      columns: [
        {
          ...query(`max by (job, instance, version, node) (millrace_build_info{${OF_INSTANCE}})`, 'runs'),
          unit: 'none',
        },
        { ...query(`max by (job, instance) (millrace_ready{${OF_INSTANCE}})`, 'ready'), unit: 'none' },
        {
          ...query(`max by (job, instance) (millrace_redis_connected{${OF_INSTANCE}})`, 'Redis'),
          unit: 'none',
        },
      ],
      runbook: 'MillraceDown',
    }),
  ],
}

export const overview: DashboardOptions = {
  name: 'overview',
  title: 'Overview',
  about: 'Begin here: whether anything is stuck, and where.',
  choices: [],
  rows: [stuck, where, flow, { ...api, panels: api.panels.map(third) }],
}

function third(panel: Row['panels'][number]) {
  return 'panel' in panel ? panel : { panel, width: 8 }
}
