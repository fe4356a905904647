import type { Metric, Sample } from '../../core/metric.ts'
import { groupKey } from '../../core/names.ts'
import { derived } from './derived.ts'
import { Counter } from './instruments.ts'

/** What a worker tells of itself; it costs nothing until it is asked. */
export interface WorkerFigures {
  readonly stream: string
  readonly group: string
  readonly processed: number
  readonly failures: ReadonlyMap<string, number>
  readonly redeliveries: number
  readonly deadLettered: number
  readonly duplicates: number
  readonly lost: number
  readonly held: number
  readonly blockedKeys: number
  readonly circuit: 'closed' | 'half-open' | 'open'
  readonly paused: boolean
}

export interface WatchedWorker {
  readonly status: WorkerFigures
}

export const CIRCUIT_STATES = { closed: 0, 'half-open': 1, open: 2 } as const

type GroupLabel = 'stream' | 'group'
const LABELS: readonly GroupLabel[] = ['stream', 'group']

const GROWN = ['processed', 'redeliveries', 'deadLettered', 'duplicates', 'lost'] as const

const grown = (name: string, help: string) => new Counter<GroupLabel>({ name, help, labels: LABELS })

/**
 * Counts what workers did by what they did more than when they were last asked: so nothing goes back when a worker ends
 * and another one takes its place, and the end of one is counted when it is not there any more.
 */
export class WorkerMetrics {
  readonly #workers: () => readonly WatchedWorker[]
  readonly #counted = new WeakMap<WatchedWorker, WorkerFigures>()
  #watched: readonly WatchedWorker[] = []
  readonly #plain = {
    processed: grown('millrace_processed_total', 'Entries that a handler ran to its end.'),
    redeliveries: grown(
      'millrace_redeliveries_total',
      'Entries that came once more: for a retry, or from a consumer that died.',
    ),
    deadLettered: grown('millrace_dead_lettered_total', 'Entries that went to the dead letters.'),
    duplicates: grown(
      'millrace_duplicates_total',
      'Entries that needed no run, since their event was processed before.',
    ),
    lost: grown(
      'millrace_lost_entries_total',
      'Entries that went to another consumer while we held them, as after a pause of this process.',
    ),
  }
  readonly #failures = new Counter<GroupLabel | 'error'>({
    name: 'millrace_failed_total',
    help: 'Starts of handlers that failed, by the code or class of the error; beyond 50 of them "other".',
    labels: [...LABELS, 'error'],
  })

  constructor(workers: () => readonly WatchedWorker[]) {
    this.#workers = workers
  }

  get metrics(): readonly Metric[] {
    const gauge = (name: string, help: string, sum: (all: readonly WorkerFigures[]) => number) =>
      derived('gauge', name, LABELS, help, () => this.#byGroup(sum))
    return [
      ...Object.values(this.#plain),
      this.#failures,
      gauge('millrace_held_entries', 'Entries in hand: running, or waiting for a handler.', total('held')),
      gauge(
        'millrace_blocked_keys',
        'Keys of which an entry waits for its retry, so that others behind it wait as well.',
        total('blockedKeys'),
      ),
      gauge('millrace_paused', '1 while a worker of this process takes nothing, by a call of pause.', (all) =>
        Number(all.some(({ paused }) => paused)),
      ),
    ]
  }

  /** The circuits around the handlers, the worst of each group. */
  circuits(): Sample[] {
    return this.#byGroup((all) => Math.max(...all.map(({ circuit }) => CIRCUIT_STATES[circuit])))
  }

  /** Brings the counters up to date. */
  refresh(): void {
    const workers = new Set(this.#workers())
    for (const worker of new Set([...workers, ...this.#watched])) this.#count(worker)
    // One that stops still ends what it holds.
    const ending = this.#watched.filter((worker) => !workers.has(worker) && worker.status.held > 0)
    this.#watched = [...workers, ...ending]
  }

  #count(worker: WatchedWorker): void {
    const figures = worker.status
    const { stream, group } = figures
    const before = this.#counted.get(worker)
    for (const name of GROWN) this.#plain[name].inc({ stream, group }, growth(figures[name], before?.[name]))
    for (const [error, count] of figures.failures)
      this.#failures.inc({ stream, group, error }, growth(count, before?.failures.get(error)))
    this.#counted.set(worker, { ...figures, failures: new Map(figures.failures) })
  }

  #byGroup(sum: (all: readonly WorkerFigures[]) => number): Sample[] {
    const groups = new Map<string, WorkerFigures[]>()
    for (const { status } of this.#watched) {
      const key = groupKey(status.stream, status.group)
      const known = groups.get(key)
      if (known) known.push(status)
      else groups.set(key, [status])
    }
    return [...groups.values()].map((all) => {
      const { stream, group } = all[0]!
      return { labels: { stream, group }, value: sum(all) }
    })
  }
}

/** One that counts less than before began anew. */
const growth = (now: number, before = 0): number => (now >= before ? now - before : now)

const total =
  (name: 'held' | 'blockedKeys') =>
  (all: readonly WorkerFigures[]): number =>
    all.reduce((sum, one) => sum + one[name], 0)
