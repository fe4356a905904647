import { expect, test } from 'vitest'
import type { RpcFigures } from '../../core/rpc.ts'
import { Metrics } from './metrics.ts'
import { RpcMetrics } from './rpc.ts'

test('what requests come to is shown by stream, and in all under the older names', async () => {
  const one = { stream: 'weather-requests', pending: 3, activeTerminals: 2, lateReplies: 1, expired: 4 }
  const figures: RpcFigures[] = [one, { ...one, stream: 'others', pending: 1 }]
  const rpc = new RpcMetrics(() => figures)
  const took = rpc.of('weather-requests')
  took(2)
  took(40)
  const { text } = await new Metrics().add(...rpc.metrics).scrape()
  const lines = text.split('\n')
  for (const line of [
    'millrace_rpc_pending_requests{stream="weather-requests"} 3',
    'millrace_rpc_active_terminals{stream="weather-requests"} 2',
    'millrace_rpc_late_replies_total{stream="weather-requests"} 1',
    'millrace_rpc_expired_requests_total{stream="weather-requests"} 4',
    'millrace_rpc_duration_seconds_bucket{le="0.0025",stream="weather-requests"} 1',
    'millrace_rpc_duration_seconds_count{stream="weather-requests"} 2',
    'ingress_pending_requests 4',
    'proxy_active_terminals 4',
  ])
    expect(lines).toContain(line)
})
