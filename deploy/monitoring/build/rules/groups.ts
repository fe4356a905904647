import type { RuleGroup } from './alert.ts'
import { BY_GROUP, BY_STREAM, EXPLAIN, THE_GROUP } from './labels.ts'
import { OBJECTIVES } from './objectives.ts'

const BY_CONSUMER = 'by (namespace, stream, group, consumer)'

/** Whether what was published is read, run and ended. */
export const groups: RuleGroup = {
  name: 'millrace.groups',
  rules: [
    {
      name: 'MillraceGroupStuck',
      severity: 'critical',
      for: '2m',
      expr: `millrace:group_lag:max and min_over_time(millrace:group_lag:max[10m]) > 0 and changes(millrace:group_last_delivered:max[10m]) == 0`,
      summary: `${THE_GROUP} reads nothing`,
      what: '{{ $value }} entries wait for it, and nothing was delivered to it for 10 minutes.',
      first: EXPLAIN,
    },
    {
      name: 'MillraceGroupFallingBehind',
      severity: 'warning',
      for: '10m',
      expr: `millrace:group_lag:max > ${OBJECTIVES.lagEntries} and millrace:group_lag:max >= millrace:group_lag:max offset 15m`,
      summary: `${THE_GROUP} falls behind`,
      what: 'It is {{ $value }} entries behind, no fewer than 15 minutes ago.',
      first: EXPLAIN,
    },
    {
      name: 'MillraceGroupLagUnknown',
      severity: 'warning',
      for: '15m',
      expr: `max ${BY_GROUP} (millrace_group_lag_known) == 0`,
      summary: `nobody knows how far ${THE_GROUP} is behind`,
      what: 'Entries were deleted or trimmed where it reads. No alert on its lag can fire.',
      first: EXPLAIN,
    },
    {
      name: 'MillraceEventsLate',
      severity: 'warning',
      for: '10m',
      expr: `histogram_quantile(0.95, sum by (namespace, stream, group, le) (rate(millrace_event_delay_seconds_bucket[10m]))) > ${OBJECTIVES.eventDelaySeconds}`,
      summary: `${THE_GROUP} starts on events late`,
      what: '5 of 100 events wait for {{ $value | humanizeDuration }} or longer until their handler starts.',
      first: EXPLAIN,
    },
    {
      name: 'MillraceOldestPending',
      severity: 'warning',
      for: '1m',
      // Its age counts from when it was published. As old as that is all that a group catches up with; what is stuck grows
      // older by a second each second.
      expr: `millrace:group_oldest_pending_age_seconds:max and millrace:group_oldest_pending_age_seconds:max - millrace:group_oldest_pending_age_seconds:max offset ${OBJECTIVES.pendingSeconds}s > ${0.95 * OBJECTIVES.pendingSeconds}`,
      summary: `${THE_GROUP} does not end what it holds`,
      what: 'Its oldest pending entry is {{ $value | humanizeDuration }} old, is the same for minutes, and does not wait for a retry.',
      first: EXPLAIN,
    },
    {
      name: 'MillraceNoConsumers',
      severity: 'critical',
      for: '5m',
      expr: `millrace:group_lag:max > 0 and max ${BY_GROUP} (redis_stream_group_consumers) == 0`,
      summary: `${THE_GROUP} has no consumers`,
      what: '{{ $value }} entries wait for it, and nobody reads.',
      first: 'start what reads it, or delete the group where nobody needs it.',
    },
    {
      name: 'MillraceIdleConsumer',
      severity: 'warning',
      for: '5m',
      // What waits for its retry is held by nobody, under that name.
      expr: `max ${BY_CONSUMER} (redis_stream_group_consumer_messages_pending{consumer!="~retry"}) > 0 and max ${BY_CONSUMER} (redis_stream_group_consumer_idle_seconds) > ${OBJECTIVES.idleSeconds}`,
      summary: `{{ $labels.consumer }} in ${THE_GROUP} is idle and holds entries`,
      what: 'It holds {{ $value }} entries, did nothing for 10 minutes, and nobody takes them over.',
      first: EXPLAIN,
    },
    {
      name: 'MillraceDeadLetters',
      severity: 'warning',
      for: '1m',
      expr: `millrace:dead_letter_entries:max - min_over_time(millrace:dead_letter_entries:max[15m]) > 0`,
      summary: 'new dead letters of {{ $labels.stream }}',
      what: 'There are {{ $value }} more than within the last 15 minutes.',
      first: '`millrace dead-letter summary {{ $labels.stream }}`',
    },
    {
      name: 'MillraceDeadLetterFlood',
      severity: 'critical',
      for: '5m',
      expr: `millrace:dead_lettered:rate5m / (millrace:dead_lettered:rate5m + millrace:processed:rate5m) > ${OBJECTIVES.deadLetterRatio}`,
      summary: `${THE_GROUP} gives up too much`,
      what: '{{ $value | humanizePercentage }} of what it ends goes to the dead letters.',
      first:
        'pause the group where a new version is to blame: `millrace group pause {{ $labels.stream }} {{ $labels.group }}`',
    },
    {
      name: 'MillraceRedeliveries',
      severity: 'warning',
      for: '15m',
      expr: `millrace:redeliveries:rate5m / millrace:handler_starts:rate5m > ${OBJECTIVES.redeliveryRatio}`,
      summary: `${THE_GROUP} runs events again and again`,
      what: '{{ $value | humanizePercentage }} of the starts of its handlers are repeated ones.',
      first: 'see by which error handlers fail in the dashboard of streams, and whether instances restart.',
    },
    {
      name: 'MillraceUnreadTrimmed',
      severity: 'critical',
      for: '0m',
      expr: `millrace:trimmed_unread:max - min_over_time(millrace:trimmed_unread:max[15m]) > 0`,
      summary: `${THE_GROUP} has lost entries`,
      what: 'Within 15 minutes the hard limit of the stream dropped {{ $value }} entries that the group had not read.',
      first: EXPLAIN,
    },
    {
      name: 'MillraceGroupPaused',
      severity: 'warning',
      for: '1h',
      expr: `max ${BY_GROUP} (millrace_paused) == 1`,
      summary: `${THE_GROUP} is paused`,
      what: 'An instance takes nothing for it, and has not for an hour.',
      first: 'ask who paused it, and whether it is still meant.',
    },
    {
      name: 'MillraceAuditBehind',
      severity: 'warning',
      for: '10m',
      expr: `max ${BY_STREAM} (millrace:group_lag:max{group="millrace-audit"}) > ${OBJECTIVES.lagEntries}`,
      summary: 'the audit trail of {{ $labels.stream }} is behind',
      what: '{{ $value }} entries are not in it yet. They stay in the stream until they are.',
      first: '`millrace explain {{ $labels.stream }} millrace-audit`',
    },
  ],
}
