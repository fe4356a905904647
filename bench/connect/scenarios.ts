import type { Entrant } from '../race.ts'
import type { Scenario } from '../scenarios.ts'

/** What a user sets who wants throughput. */
const LARGE = 500
const DEFAULT = 100
const ROUNDS = 3
/** What a disk does in one round says little of the next. */
const ROUNDS_ON_DISK = 7

const entrants = (target: string, count: number): Entrant[] => {
  const entrant = (name: string, way: string) => {
    const module = new URL(`contender.ts?${new URLSearchParams({ target, way })}`, import.meta.url)
    return { name, module, count }
  }
  return [
    entrant('millrace', String(LARGE)),
    entrant(`batch-${DEFAULT}`, String(DEFAULT)),
    entrant('raw', 'raw'),
    entrant('bare', 'bare'),
  ]
}

/** A pipeline for each sink, beside loops that do the same by hand. @param scale 1 for a run that counts */
export function connectScenarios(scale: number): Record<string, Scenario> {
  const scenario = (target: string, title: string, count: number): Scenario => ({
    title: `${title}: batches of ${LARGE}, of ${DEFAULT}; the same by hand, and what only writes`,
    entrants: entrants(target, count * scale),
    aims: {},
    rounds: ROUNDS,
  })
  return {
    lines: { ...scenario('lines', 'Pipeline to JSON lines', 200_000), floor: 60_000 },
    files: {
      ...scenario('files', 'Pipeline to a file per event', 5_000),
      aims: { bare: 0.7 },
      rounds: ROUNDS_ON_DISK,
    },
    postgres: { ...scenario('postgres', 'Pipeline to PostgreSQL', 100_000), floor: 15_000 },
    eventHubs: { ...scenario('eventHubs', 'Pipeline to Event Hubs', 100_000), aims: { bare: 0.8 } },
    webhook: { ...scenario('webhook', 'Pipeline to a webhook', 100_000), floor: 20_000 },
    stream: scenario('stream', 'Pipeline to another stream', 100_000),
  }
}
