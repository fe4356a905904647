/** Numbers from 0 to below 1 that look like chance, the same for the same seed. */
export type Random = () => number

/** Mulberry32: small, quick, and good enough for data that only has to look real. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A number that wanders about, never far from where it began. */
export function wander(random: Random, middle: number, spread: number): () => number {
  let value = middle + (random() - 0.5) * spread
  return () => {
    value += (random() - 0.5) * spread * 0.2 + (middle - value) * 0.05
    return Math.round(value * 100) / 100
  }
}
