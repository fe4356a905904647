import type { Entrant } from './race.ts'

export interface Scenario {
  title: string
  entrants: readonly Entrant[]
  /** What Millrace aims at: how many times the speed of others. Shown beside what was measured; nothing fails by it. */
  aims: Readonly<Record<string, number>>
  /** What Millrace aims at in events per second, where there is nobody to compare with. */
  floor?: number
  /** What its events are called where they are none. */
  unit?: 'entries'
  /** Where each takes long (7). */
  rounds?: number
  /** By how much its process may grow at most, in MB. */
  growthMb?: number
}

const entrant = (scenario: string, name: string, count: number): Entrant => ({
  name,
  module: new URL(`${scenario}/${name}.ts`, import.meta.url),
  count,
})

/** By their names on the command line and in JSON. @param scale 1 for a run that counts, less for a quick look */
export function scenarios(scale: number): Record<string, Scenario> {
  const events = (count: number) => Math.round(count * scale)
  // Long work of fewer would be over before it runs evenly.
  const entries = events(1_000_000) * (scale < 1 ? 2 : 1)
  return {
    publish: {
      title: 'Publishing in batches, 1,000 events on their way at any time',
      entrants: [
        entrant('publish', 'millrace', events(200_000)),
        entrant('publish', 'raw', events(200_000)),
        entrant('publish', 'bullmq', events(20_000)),
        entrant('publish', 'moleculer', events(40_000)),
      ],
      aims: { raw: 0.8, bullmq: 12 },
    },
    publishOneByOne: {
      title: 'Publishing one by one: 200 callers, each awaiting one event after the other',
      entrants: [
        entrant('publish-one-by-one', 'millrace', events(80_000)),
        entrant('publish-one-by-one', 'raw', events(40_000)),
      ],
      aims: { raw: 2 },
    },
    consume: {
      title: 'Consuming a stream that is full already, through a group',
      entrants: [
        entrant('consume', 'millrace', events(100_000)),
        entrant('consume', 'raw', events(100_000)),
        entrant('consume', 'bullmq', events(10_000)),
        entrant('consume', 'moleculer', events(5_000)),
      ],
      aims: { raw: 0.7, bullmq: 8, moleculer: 15 },
    },
    guarantees: {
      title:
        'What guarantees cost: consuming with events of 1,000 keys, in a group with order: key, with deduplication',
      entrants: ['millrace', 'keyed', 'order-key', 'deduplicate'].map((name) =>
        entrant('guarantees', name, events(50_000)),
      ),
      aims: {},
    },
    audit: {
      title: 'Consuming with the audit trail in PostgreSQL, one row for each event',
      entrants: [entrant('audit', 'millrace', events(30_000))],
      aims: {},
      floor: 15_000,
    },
    backup: long('backup', 'Backup: a stream into a compressed file', entries, 100_000),
    restore: long('restore', 'Restore: a compressed file into a stream', entries, 60_000),
    replay: long('replay', 'Replay: a stream delivered again to one group, no rate', entries, 50_000),
  }
}

/** Long work of operators, on entries of about 120 bytes. */
const long = (name: string, title: string, count: number, floor: number): Scenario => ({
  title,
  entrants: [entrant(name, 'millrace', count), entrant(name, 'raw', count)],
  aims: {},
  floor,
  unit: 'entries',
  rounds: 3,
  growthMb: 200,
})

/** The scenarios that `admin` stands for on the command line, beside a large Redis. */
export const LONG_WORK = ['backup', 'restore', 'replay']
