import { expect, it } from 'vitest'
import { register } from 'prom-client'
import { counter, histogram } from './declare.ts'
import { derived } from './derived.ts'
import { Metrics } from './metrics.ts'

const help = 'What it is.'

it('renders what it has, escaped, and what the process tells', async () => {
  const seen = counter({ name: 'seen_total', help: 'Two\nlines, and a \\.', labels: ['what'] })
  seen.inc({ what: 'a "quoted"\nline \\' })
  const spent = histogram({ name: 'spent_euros', help, labels: ['shop'], buckets: [1] })
  spent.observe({ shop: 'x' }, 0.5)
  const { contentType, text } = await new Metrics().add(seen, spent).scrape()
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(text).toContain('# HELP seen_total Two\\nlines, and a \\\\.\n# TYPE seen_total counter\n')
  expect(text).toContain('seen_total{what="a \\"quoted\\"\\nline \\\\"} 1\n')
  expect(text).toContain('spent_euros_bucket{le="1",shop="x"} 1\nspent_euros_bucket{le="+Inf",shop="x"} 1\n')
  expect(text).toContain('spent_euros_sum{shop="x"} 0.5\nspent_euros_count{shop="x"} 1\n')
  for (const name of [
    'nodejs_eventloop_lag_seconds',
    'process_resident_memory_bytes',
    'nodejs_heap_size_used_bytes',
  ])
    expect(text).toContain(`# TYPE ${name} gauge`)
})

it('keeps services of one process apart, and leaves the registry of the process alone', async () => {
  const name = 'mine_total'
  const [one, two] = [counter({ name, help }), counter({ name, help })]
  const [first, second] = [new Metrics().add(one), new Metrics().add(two)]
  one.inc(7)
  expect((await first.scrape()).text).toContain('mine_total 7\n')
  expect((await second.scrape()).text).toContain('mine_total 0\n')
  expect(register.getMetricsAsArray()).toEqual([])
})

it('shows one metric in several services', async () => {
  const shared = counter({ name: 'shared_total', help })
  const all = [new Metrics().add(shared), new Metrics().add(shared)]
  shared.inc()
  for (const metrics of all) expect((await metrics.scrape()).text).toContain('shared_total 1\n')
})

it('refuses a name that is taken, also by a part of a histogram and by the process, and adds nothing', async () => {
  const metrics = new Metrics().add(histogram({ name: 'a_seconds', help }))
  const taken = (name: string) => derived('gauge', name, [], help, () => [])
  for (const name of ['a_seconds', 'a_seconds_sum', 'process_cpu_seconds_total'])
    expect(() => metrics.add(taken('fine'), taken(name))).toThrow(
      `${name}: is a name that another metric has`,
    )
  expect(() => metrics.add(taken('b'), taken('b'))).toThrow('b: is a name')
  expect(metrics.describe().map(({ name }) => name)).not.toContain('fine')
})

it('says what was dropped', async () => {
  const seen = counter({ name: 'seen_total', help, labels: ['id'] })
  for (let id = 0; id < 1_003; id++) seen.inc({ id: String(id) })
  const { text } = await new Metrics().add(seen).scrape()
  expect(text).toContain('millrace_metric_samples_dropped_total{metric="seen_total",reason="series"} 3\n')
})

it('answers those who ask meanwhile with the same, and fetches numbers once', async () => {
  let fetched = 0
  const metrics = new Metrics().refresh(() => void fetched++)
  const answers = await Promise.all(Array.from({ length: 20 }, () => metrics.scrape()))
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(fetched).toBe(1)
  await metrics.scrape()
  expect(fetched).toBe(2)
})
