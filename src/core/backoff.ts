/**
 * How long to wait after so many failures in a row, in ms: doubled with each.
 *
 * @param failures before the last one
 */
export const backoffMs = (firstMs: number, failures: number, mostMs: number): number =>
  Math.min(firstMs * 2 ** Math.min(failures, MAX_DOUBLINGS), mostMs)

/** Far beyond any pause, and no overflow. */
const MAX_DOUBLINGS = 20
