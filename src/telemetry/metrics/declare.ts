import { checkDeclaration, type MetricOptions } from './declaration.ts'
import { Counter, Gauge, Histogram } from './instruments.ts'

/** From 5 ms to 10 s, for what takes about as long as a request. */
const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * Declares something that only ever grows. It counts from then on; a service shows it where its app lists it
 * (`defineApp({ metrics: [signups] })`), and without a service {@link Metrics} does.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
 * @example
 * export const signups = counter({ name: 'signups_total', help: 'Users who signed up.', labels: ['plan'] })
 * signups.inc({ plan: 'free' })
 */
export function counter<const L extends string = never>(options: MetricOptions<L>): Counter<L> {
  checkDeclaration('counter', options, [])
  return new Counter(options)
}

/**
 * Declares something that goes up and down.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
 * @example
 * export const carts = gauge({ name: 'open_carts', help: 'Carts that nobody has paid for yet.' })
 * carts.set(12)
 */
export function gauge<const L extends string = never>(options: MetricOptions<L>): Gauge<L> {
  checkDeclaration('gauge', options, [])
  return new Gauge(options)
}

/**
 * Declares something of which the spread is of interest. `buckets` are upper bounds, in the unit of what is observed
 * (0.005 to 10, which suits seconds).
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
 * @example
 * export const amounts = histogram({ name: 'order_amount_euros', help: 'What orders come to.', buckets: [10, 100, 1000] })
 * amounts.observe(42)
 */
export function histogram<const L extends string = never>(
  options: MetricOptions<L> & { buckets?: readonly number[] },
): Histogram<L> {
  const { buckets = DEFAULT_BUCKETS } = options
  checkDeclaration('histogram', options, buckets)
  return new Histogram({ ...options, buckets: [...buckets] })
}
