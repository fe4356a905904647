import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  findTestPrometheus,
  startTestPrometheus,
  type TestPrometheus,
} from '../src/engines/test-prometheus.ts'
import { ServiceProcess } from './support/service-process.ts'
import { until } from './support/until.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useRedisServer } from './support/use-redis.ts'

const { program, reason } = await findTestPrometheus()
const APP = fileURLToPath(new URL('./support/prometheus-app.ts', import.meta.url))
/** Prometheus needs a few scrapes, a second apart, before it knows a rate. */
const PATIENCE_MS = 40_000

describe.skipIf(!program)(`scraped by ${program?.software ?? reason}`, () => {
  const redis = useRedisServer()
  const postgres = usePostgres()
  const load = new AbortController()
  let service: ServiceProcess
  let prometheus: TestPrometheus
  let loading: Promise<void>

  beforeAll(async () => {
    const env = {
      REDIS_URL: redis.url,
      DATABASE_URL: postgres.url,
      SERVICE_VERSION: '7.8.9',
      ENVIRONMENT: 'staging',
    }
    const open = { RATE_LIMIT_MAX: '0', TEST_EVENT_INTERVAL_MS: '0', HOST: '127.0.0.1' }
    service = await ServiceProcess.start({ ...env, ...open }, ['--app', APP])
    prometheus = await startTestPrometheus(program!, [new URL(service.url).host])
    loading = keepLoading(service.url, load.signal)
  })

  afterAll(async () => {
    load.abort()
    await loading
    await prometheus?.stop()
    await service?.end('SIGKILL')
  })

  /** The value of the one series that a query answers, as soon as it is as wanted. */
  const ask = (expression: string, isWanted: (value: number) => boolean) =>
    until(
      `${expression} to be as wanted`,
      async () => {
        const [series, ...others] = await prometheus.query(expression)
        if (others.length > 0) throw new Error(`there are ${others.length + 1} series`)
        if (series && !isWanted(series.value)) throw new Error(`it is ${series.value}`)
        return series !== undefined
      },
      PATIENCE_MS,
    )

  it.each<[string, (value: number) => boolean]>([
    ['up', (value) => value === 1],
    ['millrace_build_info{version="7.8.9"}', (value) => value === 1],
    ['sum(rate(millrace_published_total{stream="orders"}[10s]))', (value) => value > 1],
    ['sum(rate(millrace_processed_total{stream="orders",group="mailer"}[10s]))', (value) => value > 1],
    ['sum(rate(millrace_failed_total{error="TypeError"}[10s]))', (value) => value > 0],
    ['max(millrace_dead_letter_entries{stream="orders"})', (value) => value > 0],
    ['max(millrace_group_lag{stream="stuck",group="never"})', (value) => value >= 0],
    ['max(millrace_group_lag_known{stream="stuck",group="never"})', (value) => value === 1],
    ['max(redis_stream_group_messages_pending{stream="stuck",group="never"})', (value) => value > 0],
    ['max(millrace_group_oldest_pending_age_seconds{stream="stuck"})', (value) => value > 0],
    ['max(redis_stream_length{stream="orders"})', (value) => value > 1],
    // A handler waits for 20 ms, so half of them take 20 ms or more, and far less than a second.
    [
      'histogram_quantile(0.5, sum by (le) (rate(millrace_handler_duration_seconds_bucket{group="mailer"}[10s])))',
      (value) => value >= 0.01 && value < 5,
    ],
    [
      'histogram_quantile(0.9, sum by (le) (rate(millrace_event_delay_seconds_bucket{group="mailer"}[10s])))',
      (value) => value > 0 && value < 60,
    ],
    [
      'sum(rate(http_request_duration_seconds_count{route="/api/events/batch",method="POST",status="201"}[10s]))',
      (value) => value > 0,
    ],
    ['millrace_redis_connected', (value) => value === 1],
    ['millrace_circuit_state{circuit="redis"}', (value) => value === 0],
    ['redis_circuit_state', (value) => value === 0],
    ['millrace_outbox_oldest_age_seconds', (value) => value === 0],
    ['sum(rate(signups_total{plan="free"}[10s]))', (value) => value > 1],
    ['process_resident_memory_bytes', (value) => value > 1e7],
    ['nodejs_eventloop_lag_p99_seconds', (value) => value > 0],
  ])('answers %s', async (expression, isWanted) => {
    expect(await ask(expression, isWanted)).toBe(true)
  })

  it('promtool finds nothing wrong with the text', async () => {
    const response = await fetch(`${service.url}/metrics`)
    expect(response.headers.get('content-type')).toContain('version=0.0.4')
    const complaints = (await program!.checkMetrics(await response.text())).split('\n').filter(Boolean)
    // What prom-client and redis_exporter named before us.
    expect(complaints.filter((line) => !/^(nodejs|process|redis)_/.test(line))).toEqual([])
  })
})

/** A few events at a time, of which one fails, until it is told to stop. */
async function keepLoading(url: string, signal: AbortSignal): Promise<void> {
  const event = (streamName: string, payload: object) => ({ streamName, eventType: 'placed', payload })
  const events = [...Array.from({ length: 9 }, () => event('orders', {})), event('orders', { fails: true })]
  const body = JSON.stringify({ events: [...events, event('stuck', {})] })
  const headers = { 'content-type': 'application/json' }
  while (!signal.aborted) {
    const response = await fetch(`${url}/api/events/batch`, { method: 'POST', headers, body })
    if (response.status !== 201) throw new Error(await response.text())
    await pause(100)
  }
}
