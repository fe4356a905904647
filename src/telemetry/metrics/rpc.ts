import type { Metric } from '../../core/metric.ts'
import type { RpcFigures, RpcTimes } from '../../core/rpc.ts'
import { derived, single } from './derived.ts'
import { Histogram } from './instruments.ts'

/** From a reply on the same machine to a time-out of some minutes. */
const DURATION_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
]
const LABELS = ['stream']

/**
 * What requests and replies of this process come to, by the stream of the requests. Figures are fetched when somebody asks;
 * only how long a request took is noted as it ends.
 */
export class RpcMetrics implements RpcTimes {
  readonly #figures: () => readonly RpcFigures[]
  readonly #durations = new Histogram<'stream'>({
    name: 'millrace_rpc_duration_seconds',
    help: 'From the call of a requester to its end, however it ended: a reply, an error, or its time-out.',
    labels: ['stream'],
    buckets: DURATION_BUCKETS,
  })

  /** @param figures of a bus, its `rpcFigures` */
  constructor(figures: () => readonly RpcFigures[]) {
    this.#figures = figures
  }

  get metrics(): readonly Metric[] {
    const by = (kind: 'counter' | 'gauge', name: string, figure: Figure, help: string) =>
      derived(kind, name, LABELS, help, () =>
        this.#figures().map((one) => ({ labels: { stream: one.stream }, value: one[figure] })),
      )
    const sum = (figure: Figure) => () => this.#figures().reduce((total, one) => total + one[figure], 0)
    return [
      by(
        'gauge',
        'millrace_rpc_pending_requests',
        'pending',
        'Requests of this process that wait for their replies.',
      ),
      by('gauge', 'millrace_rpc_active_terminals', 'activeTerminals', 'Requests that run in this process.'),
      by(
        'counter',
        'millrace_rpc_late_replies_total',
        'lateReplies',
        'Replies that were dropped, since nobody waited for them any more: too late, cancelled, or their requester gone.',
      ),
      by(
        'counter',
        'millrace_rpc_expired_requests_total',
        'expired',
        'Requests that a responder did not run, since their time was over.',
      ),
      this.#durations,
      single(
        'gauge',
        'ingress_pending_requests',
        'The older name of millrace_rpc_pending_requests, of all streams.',
        sum('pending'),
      ),
      single(
        'gauge',
        'proxy_active_terminals',
        'The older name of millrace_rpc_active_terminals, of all streams.',
        sum('activeTerminals'),
      ),
    ]
  }

  of(stream: string): (ms: number) => void {
    const durations = this.#durations.of({ stream })
    return (ms) => durations?.observe(ms / 1_000)
  }
}

type Figure = 'pending' | 'activeTerminals' | 'lateReplies' | 'expired'
