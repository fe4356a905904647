import { Random } from './random.ts'

/** One fault as it is planned. All that is left to chance stands here, so that the same seed does the same. */
export interface PlannedFault {
  readonly n: number
  /** When it begins, in ms after the load began; later where another one still has what it needs. */
  readonly atMs: number
  readonly kind: string
  /** How long what it breaks stays broken. */
  readonly forMs: number
  /** Which of several it hits, to be taken modulo how many there are. */
  readonly victim: number
}

/** How long each kind lasts, in ms, from and to. */
export type Durations = Readonly<Record<string, readonly [from: number, to: number]>>

/** Nothing breaks before everything runs, nor so late that nobody sees it mended. */
const QUIET_START_MS = 4_000
const QUIET_END_MS = 8_000
/** Pause between two beginnings on average: all kinds have their turn within two minutes, and a long run recovers. */
const MIN_GAP_MS = 4_000
const MAX_GAP_MS = 10_000

/**
 * The schedule of a run: every kind once, in an order of chance, then all of them again in another one. Pauses are
 * short beside what many faults last, so that faults overlap.
 */
export function planFaults(seed: number, seconds: number, durations: Durations): PlannedFault[] {
  const random = new Random(seed)
  const kinds = Object.keys(durations).sort()
  if (kinds.length === 0) return []
  const lastMs = seconds * 1_000 - QUIET_END_MS
  const gapMs = Math.min(Math.max((lastMs - QUIET_START_MS) / (kinds.length * 4), MIN_GAP_MS), MAX_GAP_MS)
  const faults: PlannedFault[] = []
  let deck: string[] = []
  for (let atMs = QUIET_START_MS; atMs < lastMs; atMs += Math.round(gapMs * (0.4 + 1.2 * random.next()))) {
    if (deck.length === 0) deck = random.shuffled(kinds)
    const kind = deck.pop()!
    const [from, to] = durations[kind]!
    const forMs = random.between(from, to)
    faults.push({ n: faults.length + 1, atMs, kind, forMs, victim: random.between(0, 999) })
  }
  return faults
}

export const planTable = (faults: readonly PlannedFault[]): string =>
  ['   n      at  fault                    for ms  victim']
    .concat(
      faults.map(({ n, atMs, kind, forMs, victim }) =>
        [
          String(n).padStart(4),
          `${(atMs / 1_000).toFixed(1)} s`.padStart(9),
          ` ${kind.padEnd(24)}`,
          String(forMs).padStart(6),
          String(victim).padStart(7),
        ].join(''),
      ),
    )
    .join('\n')
