import { routes } from '../../examples/weather/routes.ts'
import { proxy } from '../../examples/weather/proxy.ts'
import { defineApp, handle } from '../../src/app/app.ts'
import base from '../support/prometheus-app.ts'

const stuck = base.streams.find(({ name }) => name === 'stuck')!

/** Its consumer shows every second that it works on what it holds; by default that is every half minute. */
const hangs = handle(
  stuck,
  { group: 'hangs', concurrency: 1, minIdleMs: 3_000 },
  { placed: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())) },
)

/* What Prometheus is shown elsewhere, with requests and replies. */
export default defineApp({ ...base, handlers: [...base.handlers, hangs], routes, rpc: [proxy] })
