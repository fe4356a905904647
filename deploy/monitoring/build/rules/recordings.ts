import type { RuleGroup } from './alert.ts'
import { BY_GROUP, BY_STREAM } from './labels.ts'

/** What alerts look back at: a range can be had only of what is recorded, once the instances are summed up. */
export const recordings: RuleGroup = {
  name: 'millrace.recordings',
  rules: [
    { name: 'millrace:group_lag:max', expr: `max ${BY_GROUP} (millrace_group_lag)` },
    {
      name: 'millrace:group_last_delivered:max',
      expr: `max ${BY_GROUP} (redis_stream_group_last_delivered_id)`,
    },
    {
      name: 'millrace:group_oldest_pending_age_seconds:max',
      expr: `max ${BY_GROUP} (millrace_group_oldest_pending_age_seconds)`,
    },
    { name: 'millrace:dead_letter_entries:max', expr: `max ${BY_STREAM} (millrace_dead_letter_entries)` },
    { name: 'millrace:trimmed_unread:max', expr: `max ${BY_GROUP} (millrace_trimmed_unread_total)` },
    { name: 'millrace:processed:rate5m', expr: `sum ${BY_GROUP} (rate(millrace_processed_total[5m]))` },
    {
      name: 'millrace:dead_lettered:rate5m',
      expr: `sum ${BY_GROUP} (rate(millrace_dead_lettered_total[5m]))`,
    },
    {
      name: 'millrace:redeliveries:rate5m',
      expr: `sum ${BY_GROUP} (rate(millrace_redeliveries_total[5m]))`,
    },
    {
      name: 'millrace:handler_starts:rate5m',
      expr: `sum ${BY_GROUP} (rate(millrace_handler_duration_seconds_count[5m]))`,
    },
  ],
}
