import type { DashboardOptions, Row } from './dashboard.ts'
import { query, table, timeseries, type PanelOptions, type Query } from './panels.ts'
import { OF_GROUP, OF_GROUP_HERE, OF_STREAM, OF_STREAM_HERE, quantile, rate } from './selectors.ts'

const GROUP = 'by (stream, group)'
const LEGEND = '{{stream}} / {{group}}'

const told = (metric: string): string => `max ${GROUP} (${metric}{${OF_GROUP}})`
const counted = (metric: string): string => `sum ${GROUP} (${rate(metric, OF_GROUP_HERE)})`

/** A panel with a line for each group. */
const byGroup = (expr: string, options: Omit<PanelOptions, 'queries'>) =>
  timeseries({ ...options, queries: [query(expr, LEGEND)] })

const now: Row = {
  title: 'The groups now',
  height: 9,
  panels: [
    {
      width: 24,
      panel: table({
        title: 'Groups',
        about:
          'Lag: not delivered yet. Pending: delivered and not acknowledged. No lag is shown where it is unknown.',
        columns: [
          { ...query(told('millrace_group_lag'), 'lag'), unit: 'short', bad: { warning: 1_000 } },
          { ...query(told('redis_stream_group_messages_pending'), 'pending'), unit: 'short' },
          {
            ...query(told('millrace_group_oldest_pending_age_seconds'), 'oldest pending'),
            unit: 's',
            bad: { warning: 300 },
          },
          { ...query(told('millrace_retry_waiting'), 'wait for retry'), unit: 'short' },
          { ...query(told('redis_stream_group_consumers'), 'consumers'), unit: 'none' },
          {
            ...query(told('millrace_trimmed_unread_total'), 'lost unread'),
            unit: 'short',
            bad: { critical: 1 },
          },
          { ...query(told('redis_stream_group_last_delivered_id'), 'last delivered'), unit: 'dateTimeAsIso' },
        ],
        runbook: 'The verdicts of explain',
      }),
    },
  ],
}

const behind: Row = {
  title: 'Behind',
  height: 8,
  panels: [
    byGroup(told('millrace_group_lag'), {
      title: 'Lag',
      about: 'Entries that are there and were not delivered to the group yet. Absent where it is unknown.',
      unit: 'short',
      bad: { warning: 1_000 },
      runbook: 'MillraceGroupFallingBehind',
    }),
    byGroup(told('redis_stream_group_messages_pending'), {
      title: 'Pending',
      about: 'Delivered and not acknowledged, those that wait for a retry included.',
      unit: 'short',
      runbook: 'MillraceOldestPending',
    }),
    byGroup(told('millrace_group_oldest_pending_age_seconds'), {
      title: 'The oldest pending entry',
      about:
        'Its age since it was published, what waits for its retry aside. A line that rises steadily is an entry that nobody ends.',
      unit: 's',
      bad: { warning: 300 },
      runbook: 'MillraceOldestPending',
    }),
    byGroup(quantile(0.95, 'millrace_event_delay_seconds', OF_GROUP_HERE, 'stream, group'), {
      title: 'Delay of events',
      about: 'From the entry in Redis to the first start of its handler, for 95 of 100 events.',
      unit: 's',
      bad: { warning: 60 },
      runbook: 'MillraceEventsLate',
    }),
  ],
}

const flow: Row = {
  title: 'In and out',
  height: 8,
  panels: [
    timeseries({
      title: 'Published',
      about: 'By stream: events that Redis took from these instances.',
      unit: 'ops',
      queries: [query(`sum by (stream) (${rate('millrace_published_total', OF_STREAM_HERE)})`, '{{stream}}')],
      runbook: 'MillracePublishFailing',
    }),
    byGroup(counted('millrace_processed_total'), {
      title: 'Processed',
      about: 'Entries that a handler ran to its end.',
      unit: 'ops',
      runbook: 'MillraceGroupStuck',
    }),
    timeseries({
      title: 'How long handlers run',
      about: 'The half of them, and 99 of 100.',
      unit: 's',
      queries: [0.5, 0.99].map((share): Query =>
        query(
          quantile(share, 'millrace_handler_duration_seconds', OF_GROUP_HERE, 'stream, group'),
          `${LEGEND} ${share * 100} %`,
        ),
      ),
      runbook: 'MillraceEventsLate',
    }),
    byGroup(`sum ${GROUP} (millrace_held_entries{${OF_GROUP_HERE}})`, {
      title: 'In hand',
      about: 'Running, or waiting for a handler in the memory of these instances.',
      unit: 'short',
      runbook: 'MillraceEventsLate',
    }),
  ],
}

const failures: Row = {
  title: 'What fails',
  height: 8,
  panels: [
    timeseries({
      title: 'Starts that failed, by error',
      about: 'By the code or class of the error. They are tried again as the group says.',
      unit: 'ops',
      queries: [
        query(
          `sum by (stream, group, error) (${rate('millrace_failed_total', OF_GROUP_HERE)})`,
          `${LEGEND} {{error}}`,
        ),
      ],
      runbook: 'MillraceRedeliveries',
    }),
    byGroup(counted('millrace_redeliveries_total'), {
      title: 'Redeliveries',
      about: 'Entries that came once more: for a retry, or from a consumer that died.',
      unit: 'ops',
      runbook: 'MillraceRedeliveries',
    }),
    byGroup(told('millrace_retry_waiting'), {
      title: 'Waiting for a retry',
      about: 'They failed, and it is not their time yet.',
      unit: 'short',
      runbook: 'retrying',
    }),
    timeseries({
      title: 'Dead letters',
      about: 'Of each stream, of all its groups. They stay until somebody redrives or discards them.',
      unit: 'short',
      queries: [query(`max by (stream) (millrace_dead_letter_entries{${OF_STREAM}})`, '{{stream}}')],
      runbook: 'MillraceDeadLetters',
    }),
    byGroup(counted('millrace_dead_lettered_total'), {
      title: 'Dead-lettered, by group',
      about: 'What these instances gave up.',
      unit: 'ops',
      runbook: 'MillraceDeadLetterFlood',
    }),
    timeseries({
      title: 'Events that were not taken, by error',
      about: 'Redis did not take them, or may not have: their publisher was told.',
      unit: 'ops',
      queries: [
        query(
          `sum by (stream, error) (${rate('millrace_publish_failures_total', OF_STREAM_HERE)})`,
          '{{stream}} {{error}}',
        ),
      ],
      runbook: 'MillracePublishFailing',
    }),
    byGroup(counted('millrace_duplicates_total'), {
      title: 'Duplicates',
      about: 'Entries that needed no run, since their event was processed before.',
      unit: 'ops',
      runbook: 'MillraceRedeliveries',
    }),
    byGroup(counted('millrace_lost_entries_total'), {
      title: 'Taken over by others',
      about:
        'Entries that went to another consumer while these instances held them, as after a pause of the process.',
      unit: 'ops',
      runbook: 'MillraceEventLoopLate',
    }),
  ],
}

const members: Row = {
  title: 'Consumers and streams',
  height: 8,
  panels: [
    table({
      title: 'Consumers',
      about:
        'Who holds how much, and how long ago it last asked for something. ~retry stands for what waits for its retry.',
      columns: [
        {
          ...query(
            `max by (stream, group, consumer) (redis_stream_group_consumer_messages_pending{${OF_GROUP}})`,
            'pending',
          ),
          unit: 'short',
        },
        {
          ...query(
            `max by (stream, group, consumer) (redis_stream_group_consumer_idle_seconds{${OF_GROUP}})`,
            'idle',
          ),
          unit: 's',
          bad: { warning: 600 },
        },
      ],
      runbook: 'MillraceIdleConsumer',
    }),
    timeseries({
      title: 'Length of streams',
      about: 'Entries in each. One that only grows has no retention, or a group that holds it back.',
      unit: 'short',
      queries: [query(`max by (stream) (redis_stream_length{${OF_STREAM}})`, '{{stream}}')],
      runbook: 'MillraceRedisMemoryHigh',
    }),
    byGroup(`max ${GROUP} (millrace_blocked_keys{${OF_GROUP_HERE}})`, {
      title: 'Blocked keys',
      about: 'Keys of which an entry waits for its retry, so that those behind it wait as well.',
      unit: 'short',
      runbook: 'retrying',
    }),
    byGroup(`max ${GROUP} (millrace_paused{${OF_GROUP_HERE}})`, {
      title: 'Paused',
      about: '1 while an instance takes nothing for the group, by a call of pause.',
      unit: 'none',
      runbook: 'MillraceGroupPaused',
    }),
  ],
}

export const streams: DashboardOptions = {
  name: 'streams',
  title: 'Streams and groups',
  about: 'How far groups are behind, what they hold, and what fails.',
  choices: ['stream', 'group'],
  rows: [now, ...[behind, flow, failures, members].map(inTwos)],
}

/** Wide enough for a legend with names of streams and groups. */
function inTwos(row: Row): Row {
  return { ...row, panels: row.panels.map((panel) => ('panel' in panel ? panel : { panel, width: 12 })) }
}
