/** Positions are pairs of numbers. Ours are far below what a double holds exactly. */
const parts = (position: string): [number, number] => {
  const dash = position.indexOf('-')
  return [Number(position.slice(0, dash)), Number(position.slice(dash + 1))]
}

export const timeOf = (position: string): number => parts(position)[0]

export function isBefore(a: string, b: string): boolean {
  const [aMs, aSeq] = parts(a)
  const [bMs, bSeq] = parts(b)
  return aMs === bMs ? aSeq < bSeq : aMs < bMs
}
