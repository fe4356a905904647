import type { DashboardOptions } from './dashboard.ts'
import { query, stat, timeseries } from './panels.ts'
import { OF_INSTANCE, OF_STREAM, OF_STREAM_HERE, quantile, rate } from './selectors.ts'

const pending = `sum by (stream) (millrace_rpc_pending_requests{${OF_STREAM_HERE}})`
const running = `sum by (stream) (millrace_rpc_active_terminals{${OF_STREAM_HERE}})`
const perSecond = (metric: string) => `sum by (stream) (${rate(metric, OF_STREAM_HERE)})`

export const rpc: DashboardOptions = {
  name: 'rpc',
  title: 'Request and reply',
  about: 'Requests over streams: who waits, who answers, and what comes too late.',
  choices: ['stream'],
  rows: [
    {
      title: 'Now',
      height: 4,
      panels: [
        stat({
          title: 'Wait for a reply',
          about: 'Requests of these instances that wait for their replies.',
          unit: 'short',
          queries: [query(pending, '{{stream}}')],
          runbook: 'MillraceRequestsUnanswered',
        }),
        stat({
          title: 'Run',
          about:
            'Requests that run in these instances, each in a terminal. 0 while others wait: nobody answers.',
          unit: 'short',
          queries: [query(running, '{{stream}}')],
          runbook: 'MillraceRequestsUnanswered',
        }),
        stat({
          title: 'Not delivered yet',
          about:
            'Requests in the stream that no responder has taken yet. It grows when all terminals are busy.',
          unit: 'short',
          queries: [
            query(
              `max by (stream) (millrace_group_lag{${OF_STREAM}}) and on (stream) ${running}`,
              '{{stream}}',
            ),
          ],
          bad: { warning: 100 },
          runbook: 'MillraceRequestsLate',
        }),
      ],
    },
    {
      title: 'Requests',
      height: 8,
      panels: [
        timeseries({
          title: 'Requests',
          about: 'That ended, in whatever way.',
          unit: 'reqps',
          queries: [query(perSecond('millrace_rpc_duration_seconds_count'), '{{stream}}')],
          runbook: 'MillraceRequestsLate',
        }),
        timeseries({
          title: 'How long they take',
          about:
            'From the call to its end: a reply, an error, or its time-out. A line at the time-out means that nobody answers.',
          unit: 's',
          queries: [0.5, 0.95, 0.99].map((share) =>
            query(
              quantile(share, 'millrace_rpc_duration_seconds', OF_STREAM_HERE, 'stream'),
              `{{stream}} ${share * 100} %`,
            ),
          ),
          runbook: 'MillraceRequestsLate',
        }),
      ],
    },
    {
      title: 'Who waits, and who answers',
      height: 8,
      panels: [
        timeseries({
          title: 'Waiting and running',
          about: 'Many that wait while few run: start more responders, or give them more terminals.',
          unit: 'short',
          queries: [query(pending, '{{stream}} wait'), query(running, '{{stream}} run')],
          runbook: 'MillraceRequestsUnanswered',
        }),
        timeseries({
          title: 'Terminals by instance',
          about: 'An instance that stays at 0 while others are busy does not take its share.',
          unit: 'short',
          queries: [
            query(
              `sum by (instance, stream) (millrace_rpc_active_terminals{${OF_STREAM_HERE}})`,
              '{{instance}} {{stream}}',
            ),
          ],
          runbook: 'MillraceRequestsUnanswered',
        }),
      ],
    },
    {
      title: 'What comes too late',
      height: 8,
      panels: [
        timeseries({
          title: 'Expired, and late replies',
          about: 'Expired: not run, since their time was over. Late: answered when nobody waited any more.',
          unit: 'ops',
          queries: [
            query(perSecond('millrace_rpc_expired_requests_total'), '{{stream}} expired'),
            query(perSecond('millrace_rpc_late_replies_total'), '{{stream}} late'),
          ],
          runbook: 'MillraceRequestsLate',
        }),
        timeseries({
          title: 'HTTP answers 503 and 504',
          about: '504: no reply in time. 503: refused, such as while the circuit around Redis is open.',
          unit: 'reqps',
          queries: [
            query(
              `sum by (route, status) (${rate('http_request_duration_seconds_count', `${OF_INSTANCE},status=~"503|504"`)})`,
              '{{status}} {{route}}',
            ),
          ],
          runbook: 'MillraceHttpErrors',
        }),
      ],
    },
  ],
}
