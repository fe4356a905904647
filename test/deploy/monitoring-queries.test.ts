import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  findTestPrometheus,
  startTestPrometheus,
  type TestPrometheus,
} from '../../src/engines/test-prometheus.ts'
import { ServiceProcess } from '../support/service-process.ts'
import { until } from '../support/until.ts'
import { usePostgres } from '../support/use-postgres.ts'
import { useRedis } from '../support/use-redis.ts'
import { metricsIn, panelQueries, rules, RULES } from './monitoring-kit.ts'

const { program, reason } = await findTestPrometheus()
const APP = fileURLToPath(new URL('./monitoring-app.ts', import.meta.url))
/** Prometheus needs a few scrapes, a second apart, before it knows a rate. */
const PATIENCE_MS = 40_000

/** Queries that have data only where something is wrong, or that is not here. They are asked all the same. */
const WITHOUT_DATA: [query: RegExp, why: string][] = [
  [/ALERTS/, 'an alert that fires: all is well for longer than this test takes'],
  [/millrace_(?:sink|pipeline|source)_/, 'a connector'],
  [/millrace_publish_failures_total/, 'a Redis that refuses events'],
  [/millrace_scrape_errors_total/, 'a Redis or PostgreSQL that does not answer'],
  [/millrace_metric_samples_dropped_total/, 'more than 1,000 sets of labels'],
  [/status=~"503\|504"/, 'requests that are refused, or wait in vain'],
]
const mayBeEmpty = (expr: string) =>
  WITHOUT_DATA.some(([query]) => query.test(expr)) && !expr.includes('vector(0)')

/** As Grafana asks, when everything is chosen. What looks back for minutes looks back for seconds here. */
const asked = (expr: string) =>
  expr
    .replaceAll('$__rate_interval', '10s')
    .replaceAll(/\[\d+[mh]\]/g, '[5s]')
    .replaceAll(/\$[a-z]+/g, '.*')

describe.skipIf(!program)(`the dashboards, answered by ${program?.software ?? reason}`, () => {
  const { server, admin } = useRedis()
  const postgres = usePostgres()
  const load = new AbortController()
  let service: ServiceProcess
  let prometheus: TestPrometheus
  let loading: Promise<unknown>

  beforeAll(async () => {
    const env = { REDIS_URL: server.url, DATABASE_URL: postgres.url, HOST: '127.0.0.1' }
    const open = { RATE_LIMIT_MAX: '0', TEST_EVENT_INTERVAL_MS: '0' }
    await admin.send(['CONFIG', 'SET', 'maxmemory', '1gb'])
    service = await ServiceProcess.start({ ...env, ...open }, ['--app', APP])
    // One that nobody reads, for the table of groups with a problem.
    await admin.send(['XGROUP', 'CREATE', 'orders', 'nobody', '0', 'MKSTREAM'])
    prometheus = await startTestPrometheus(program!, [new URL(service.url).host], [RULES])
    loading = Promise.all([keepPublishing(service.url, load.signal), keepAsking(service.url, load.signal)])
  })

  afterAll(async () => {
    load.abort()
    await loading
    await prometheus?.stop()
    await service?.end('SIGKILL')
  })

  const hasData = (expr: string) =>
    until(
      `data of ${expr}`,
      async () => (await prometheus.query(expr)).some(({ value }) => !Number.isNaN(value)),
      PATIENCE_MS,
    )

  it.each(panelQueries.filter(({ expr }) => !mayBeEmpty(expr)))('$name has data', async ({ expr }) => {
    expect(await hasData(asked(expr))).toBe(true)
  })

  it.each(panelQueries.filter(({ expr }) => mayBeEmpty(expr)))(
    '$name is answered without an error',
    async ({ expr }) => {
      expect(await prometheus.query(asked(expr))).toBeInstanceOf(Array)
    },
  )

  const told = [...panelQueries, ...rules].flatMap(({ expr }) => (mayBeEmpty(expr) ? [] : metricsIn(expr)))
  it.each([...new Set(told)].filter((name) => !mayBeEmpty(name)))('%s is there', async (name) => {
    // Also where a query answers 0 for what is not there.
    expect(await hasData(`count({__name__=~"${name}(_bucket)?"})`)).toBe(true)
  })

  it('nothing is excused in vain', () => {
    const unused = WITHOUT_DATA.filter(([query]) => !panelQueries.some(({ expr }) => query.test(expr)))
    expect(unused).toEqual([])
  })

  it('a problem is shown with the stream and the group where it is', async () => {
    const { expr } = panelQueries.find(({ panel }) => panel.title === 'Groups with a problem')!
    const found = await until('the group that nobody reads', async () => {
      const shown = await prometheus.query(asked(expr))
      return shown.find(({ labels }) => labels['problem'] === 'nobody reads')
    })
    expect(found.labels).toMatchObject({ stream: 'orders', group: 'nobody' })
  })

  it('every rule is evaluated without an error', async () => {
    const errors = await until('all rules to be evaluated', () => prometheus.ruleErrors(), PATIENCE_MS)
    expect(errors).toEqual({})
  })

  it.each(rules.flatMap(({ record }) => record ?? []))('%s is recorded', async (name) => {
    expect(await hasData(name)).toBe(true)
  })

  it('a consumer that lives is not idle while its handlers hang, or MillraceIdleConsumer would be wrong', async () => {
    const held = 'max(millrace_group_oldest_pending_age_seconds{stream="stuck",group="hangs"})'
    const idle = 'max(redis_stream_group_consumer_idle_seconds{stream="stuck",group="hangs"})'
    const [ratio] = await until(
      'it to hold an entry for long',
      async () => {
        const found = await prometheus.query(`${idle} / (${held} > 10)`)
        return found.length > 0 ? found : undefined
      },
      PATIENCE_MS,
    )
    expect(ratio!.value).toBeLessThan(0.8)
  })
})

/** A few events at a time, of which one fails, and one is for a handler that hangs. */
async function keepPublishing(url: string, signal: AbortSignal): Promise<void> {
  const event = (streamName: string, payload: object) => ({ streamName, eventType: 'placed', payload })
  const events = [
    event('orders', {}),
    event('orders', {}),
    event('orders', { fails: true }),
    event('stuck', {}),
  ]
  while (!signal.aborted) {
    await post(`${url}/api/events/batch`, { events })
    await pause(100)
  }
}

async function keepAsking(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await post(`${url}/WeatherForecast/city`, { city: 'Atlantis', location: 'Harbour' })
    await pause(100)
  }
}

async function post(url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(await response.text())
}
