import { describe, expect, it } from 'vitest'
import { failureOf } from '../../../test/support/until.ts'
import type { Metric } from '../../core/metric.ts'
import { counter, gauge, histogram } from './declare.ts'

const help = 'What it is.'
const values = (metric: Metric) => metric.collect().map(({ labels, value }) => ({ ...labels, value }))

describe('a counter', () => {
  it('counts by its labels', () => {
    const signups = counter({ name: 'signups_total', help, labels: ['plan', 'country'] })
    signups.inc({ plan: 'free', country: 'de' })
    signups.inc({ country: 'de', plan: 'free' }, 2)
    signups.inc({ plan: 'paid', country: 'de' }, 0.5)
    expect(values(signups)).toEqual([
      { plan: 'free', country: 'de', value: 3 },
      { plan: 'paid', country: 'de', value: 0.5 },
    ])
  })

  it('without labels is 0 from the beginning', () => {
    const signups = counter({ name: 'signups_total', help })
    expect(values(signups)).toEqual([{ value: 0 }])
    signups.inc()
    signups.inc(41)
    expect(values(signups)).toEqual([{ value: 42 }])
  })

  it.each([-1, NaN, Infinity, '1', null])('drops %s, and fails nobody', (by) => {
    const signups = counter({ name: 'signups_total', help })
    signups.inc(by as number)
    expect(values(signups)).toEqual([{ value: 0 }])
    expect(signups.dropped).toEqual({ series: 0, value: 1 })
  })

  it('keeps label values apart, whatever they hold', () => {
    const seen = counter({ name: 'seen_total', help, labels: ['a', 'b'] })
    const pairs = [
      ['x","y', ''],
      ['x', 'y'],
      ['', 'x,y'],
      ['__proto__', 'constructor'],
      ['\0', '\n'],
    ]
    for (const [a, b] of pairs) seen.inc({ a: a!, b: b! })
    expect(values(seen)).toEqual(pairs.map(([a, b]) => ({ a, b, value: 1 })))
  })

  it('takes what callers without types pass', () => {
    const seen = counter({ name: 'seen_total', help, labels: ['a', 'b'] }) as { inc(...all: unknown[]): void }
    seen.inc()
    seen.inc({ a: 1, b: Symbol('s'), c: 'unknown' })
    seen.inc({ a: 'x'.repeat(1000), b: '\ud800' })
    expect(values(seen as never)).toEqual([
      { a: '', b: '', value: 1 },
      { a: '1', b: 'Symbol(s)', value: 1 },
      { a: 'x'.repeat(256), b: '\ufffd', value: 1 },
    ])
  })

  it('has 1,000 series at most, and counts what is dropped', () => {
    const seen = counter({ name: 'seen_total', help, labels: ['id'] })
    for (let id = 0; id < 1_500; id++) seen.inc({ id: String(id) })
    seen.inc({ id: '7' })
    expect(values(seen)).toHaveLength(1_000)
    expect(values(seen)[7]).toEqual({ id: '7', value: 2 })
    expect(seen.dropped).toEqual({ series: 500, value: 0 })
  })
})

it('a gauge goes up and down', () => {
  const carts = gauge({ name: 'open_carts', help, labels: ['shop'] })
  carts.set({ shop: 'a' }, 5)
  carts.inc({ shop: 'a' })
  carts.dec({ shop: 'a' }, 10)
  carts.set({ shop: 'a' }, NaN)
  expect(values(carts)).toEqual([{ shop: 'a', value: -4 }])
  expect(carts.dropped.value).toBe(1)
})

it('a histogram counts what is at or below each bound', () => {
  const amounts = histogram({ name: 'amount_euros', help, buckets: [1, 10] })
  for (const value of [0, 1, 1.5, 10, 11, -3, NaN, Infinity]) amounts.observe(value)
  expect(amounts.collect().map(({ part, value }) => [part?.suffix, part?.le, value])).toEqual([
    ['_bucket', '1', 3],
    ['_bucket', '10', 5],
    ['_bucket', '+Inf', 6],
    ['_sum', undefined, 20.5],
    ['_count', undefined, 6],
  ])
})

describe('a declaration is refused', () => {
  it.each([
    ['a name with a dash', { name: 'sign-ups_total' }, 'name: must be letters'],
    ['a name of another type', { name: 7 }, 'name: must be letters'],
    ['a name of ours', { name: 'millrace_signups_total' }, 'must not begin with "millrace_"'],
    ['a counter by another name', { name: 'signups' }, 'must end in "_total"'],
    ['no help', { help: ' ' }, 'help: must be a sentence'],
    ['a reserved label', { labels: ['le'] }, 'labels.0: must not be "le"'],
    ['an inner label', { labels: ['__name__'] }, 'labels.0: must be letters'],
    ['a label twice', { labels: ['a', 'b', 'a'] }, 'labels.2: is "a" a second time'],
    ['many labels', { labels: [...'abcdefghijk'] }, 'labels: must be 10 at most, not 11'],
  ])('with %s', async (_, options, message) => {
    const declare = () => counter({ name: 'a_total', help, ...options } as never)
    const error = await failureOf(declare)
    expect(error.code).toBe('CONFIGURATION_INVALID')
    expect(error.message).toContain(message)
  })

  it('with every mistake at once', async () => {
    const error = await failureOf(() => counter({ name: 'redis_x', help: '', labels: ['a-b'] }))
    expect(error.message).toMatch(/redis_.*_total.*help.*labels\.0/)
  })

  it.each(['requests_total', 'requests_count', 'requests_bucket'])('for a gauge with the name %s', (name) => {
    expect(() => gauge({ name, help })).toThrow('means something else')
  })

  it.each([[[2, 1]], [[1, 1]], [[NaN]], [[1, Infinity]]])('with the buckets %j', (buckets) => {
    expect(() => histogram({ name: 'a_seconds', help, buckets })).toThrow('numbers that grow')
  })
})
