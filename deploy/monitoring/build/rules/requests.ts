import type { RuleGroup } from './alert.ts'
import { BY_STREAM } from './labels.ts'
import { OBJECTIVES } from './objectives.ts'

/** Requests and their replies. */
export const requests: RuleGroup = {
  name: 'millrace.requests',
  rules: [
    {
      name: 'MillraceRequestsUnanswered',
      severity: 'critical',
      for: '3m',
      expr: `sum ${BY_STREAM} (millrace_rpc_pending_requests) > 0 unless sum ${BY_STREAM} (millrace_rpc_active_terminals) > 0`,
      summary: 'nobody runs the requests of {{ $labels.stream }}',
      what: '{{ $value }} requests wait for their replies, and none runs.',
      first: 'see whether an instance with the role proxy runs and is ready.',
    },
    {
      name: 'MillraceRequestsLate',
      severity: 'warning',
      for: '5m',
      expr: `(sum ${BY_STREAM} (rate(millrace_rpc_expired_requests_total[5m])) + sum ${BY_STREAM} (rate(millrace_rpc_late_replies_total[5m]))) / sum ${BY_STREAM} (rate(millrace_rpc_duration_seconds_count[5m])) > ${OBJECTIVES.rpcFailureRatio}`,
      summary: 'requests of {{ $labels.stream }} are answered too late',
      what: '{{ $value | humanizePercentage }} of them expired before they ran, or their reply came when nobody waited any more.',
      first: 'see in the dashboard of requests whether all terminals are busy.',
    },
  ],
}
