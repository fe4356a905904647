import { describe, expect, it } from 'vitest'
import type { Metric } from '../../core/metric.ts'
import { WorkerMetrics, type WorkerFigures } from './workers.ts'

const idle: WorkerFigures = {
  stream: 'orders',
  group: 'mailer',
  processed: 0,
  failures: new Map(),
  redeliveries: 0,
  deadLettered: 0,
  duplicates: 0,
  lost: 0,
  held: 0,
  blockedKeys: 0,
  circuit: 'closed',
  paused: false,
}

/** Workers whose figures the test sets. */
function scene() {
  const workers: { status: WorkerFigures }[] = []
  const metrics = new WorkerMetrics(() => [...workers])
  return {
    workers,
    add(figures: Partial<WorkerFigures> = {}) {
      const worker = { status: { ...idle, ...figures } }
      workers.push(worker)
      return worker
    },
    /** What a scrape shows. */
    read(name: string) {
      metrics.refresh()
      const metric = metrics.metrics.find((one) => one.name === `millrace_${name}`) as Metric
      return metric.collect().map(({ labels, value }) => [...Object.values(labels), value])
    },
    circuits: () => metrics.circuits(),
  }
}

describe('the counters of workers', () => {
  it('never go back when a worker is replaced, and miss nothing of its end', () => {
    const { workers, add, read } = scene()
    const old = add({ processed: 10 })
    expect(read('processed_total')).toEqual([['orders', 'mailer', 10]])
    old.status = { ...old.status, processed: 12 }
    workers.length = 0
    add({ processed: 1 })
    expect(read('processed_total')).toEqual([['orders', 'mailer', 13]])
    old.status = { ...old.status, processed: 99 }
    expect(read('processed_total')).toEqual([['orders', 'mailer', 13]])
  })

  it('are followed while a worker that was taken out ends what it holds', () => {
    const { workers, add, read } = scene()
    const worker = add({ processed: 10, held: 2 })
    read('processed_total')
    workers.length = 0
    expect(read('processed_total')).toEqual([['orders', 'mailer', 10]])
    worker.status = { ...worker.status, processed: 12, held: 0 }
    expect(read('processed_total')).toEqual([['orders', 'mailer', 12]])
    expect(read('held_entries')).toEqual([])
  })

  it('count nothing twice where a worker is away for a moment', () => {
    const { workers, add, read } = scene()
    const worker = add({ processed: 10 })
    read('processed_total')
    workers.length = 0
    read('processed_total')
    workers.push(worker)
    expect(read('processed_total')).toEqual([['orders', 'mailer', 10]])
  })

  it('go on where a worker counts anew', () => {
    const { add, read } = scene()
    const worker = add({ processed: 10, failures: new Map([['Error', 4]]) })
    read('processed_total')
    worker.status = { ...worker.status, processed: 3, failures: new Map([['Error', 1]]) }
    expect(read('processed_total')).toEqual([['orders', 'mailer', 13]])
    expect(read('failed_total')).toEqual([['orders', 'mailer', 'Error', 5]])
  })

  it('are summed over the workers of a group, and apart for others', () => {
    const { add, read } = scene()
    add({ lost: 1, held: 2, failures: new Map([['Error', 1]]) })
    add({ lost: 2, held: 3, failures: new Map([['TypeError', 1]]) })
    add({ group: 'audit', lost: 4 })
    expect(read('lost_entries_total')).toEqual([
      ['orders', 'mailer', 3],
      ['orders', 'audit', 4],
    ])
    expect(read('held_entries')).toEqual([
      ['orders', 'mailer', 5],
      ['orders', 'audit', 0],
    ])
    expect(read('failed_total')).toEqual([
      ['orders', 'mailer', 'Error', 1],
      ['orders', 'mailer', 'TypeError', 1],
    ])
  })
})

it('shows the worst circuit of a group, and whether it is paused', () => {
  const { add, read, circuits } = scene()
  add({ circuit: 'half-open', paused: true })
  add({ circuit: 'open' })
  expect(read('paused')).toEqual([['orders', 'mailer', 1]])
  expect(circuits()).toEqual([{ labels: { stream: 'orders', group: 'mailer' }, value: 2 }])
})
