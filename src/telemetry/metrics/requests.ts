import { Histogram } from './instruments.ts'

/** How long requests took. */
export type RequestTimes = Histogram<'method' | 'route' | 'status'>

export const requestTimes = (): RequestTimes =>
  new Histogram({
    name: 'http_request_duration_seconds',
    help: 'How long requests took to answer; route is the pattern of the path, "unknown" where there is none.',
    labels: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  })
