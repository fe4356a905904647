import type { Entrant } from './race.ts'

export interface Scenario {
  entrants: readonly Entrant[]
  /** What Millrace aims at, as multiples of others; checked against nothing, shown beside what was measured. */
  targets: readonly { than: string; times: number }[]
  /** In events per second, where there is nobody to compare with. */
  floor?: number
}

const entrant = (scenario: string, name: string, count: number): Entrant => ({
  name,
  module: new URL(`${scenario}/${name}.ts`, import.meta.url),
  count,
})

/** @param scale 1 for a run that counts, less for a quick look */
export const scenarios = (scale: number): Record<string, Scenario> => {
  const events = (count: number) => Math.max(1_000, Math.round(count * scale))
  return {
    publish: {
      entrants: [
        entrant('publish', 'millrace', events(100_000)),
        entrant('publish', 'raw', events(100_000)),
        entrant('publish', 'bullmq', events(10_000)),
        entrant('publish', 'moleculer', events(20_000)),
      ],
      targets: [
        { than: 'raw', times: 0.8 },
        { than: 'bullmq', times: 12 },
      ],
    },
    publishOneByOne: {
      entrants: [
        entrant('publish-one-by-one', 'millrace', events(60_000)),
        entrant('publish-one-by-one', 'raw', events(60_000)),
      ],
      targets: [{ than: 'raw', times: 2 }],
    },
    consume: {
      entrants: [
        entrant('consume', 'millrace', events(100_000)),
        entrant('consume', 'raw', events(100_000)),
        entrant('consume', 'bullmq', events(10_000)),
        entrant('consume', 'moleculer', events(5_000)),
      ],
      targets: [
        { than: 'raw', times: 0.7 },
        { than: 'bullmq', times: 8 },
        { than: 'moleculer', times: 15 },
      ],
    },
    audit: {
      entrants: [entrant('audit', 'millrace', events(40_000))],
      targets: [],
      floor: 15_000,
    },
  }
}
