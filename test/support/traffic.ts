import { setTimeout as sleep } from 'node:timers/promises'
import type { MillraceError } from '../../src/core/errors.ts'
import type { Durability } from '../../src/core/stream-log.ts'
import { FIRST_POSITION } from '../../src/core/position.ts'
import { until } from './until.ts'
import type { Lab } from './worker-lab.ts'

/** How long one event is published after another, in ms. */
const PAUSE_MS = 5

interface Accepted {
  readonly position: string
  /** When it was handed over, and when the answer came, on the clock of `performance.now`. */
  readonly from: number
  readonly to: number
}

/**
 * One publisher and one worker, busy while something happens to the servers. Each event has a number as its data and as
 * its idempotency key.
 */
export class Traffic {
  readonly accepted = new Map<number, Accepted>()
  readonly refused: MillraceError[] = []
  /** The attempts of each run, by event. */
  readonly runs = new Map<number, number[]>()
  readonly #lab: Lab
  readonly #durability: Durability | undefined
  readonly #publishes: Promise<void>[] = []
  #publishing: Promise<void> | undefined
  #stopped = false

  constructor(lab: Lab, durability?: Durability) {
    this.#lab = lab
    this.#durability = durability
  }

  async start(): Promise<void> {
    await this.#lab.start(({ event, attempt }) => {
      const number = event.data as number
      this.runs.set(number, [...(this.runs.get(number) ?? []), attempt])
    })
    this.#publishing = this.#publish()
    await this.flows()
  }

  /** Waits until events that are published from now on are accepted and run. */
  async flows(): Promise<void> {
    const now = performance.now()
    await until(
      'events to be accepted and run',
      () => [...this.accepted].some(([number, { from }]) => from > now && this.runs.has(number)),
      40_000,
    )
  }

  /** Ends publishing, and waits until everything that was accepted has run, but for what the servers lost. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#publishing
    await Promise.all(this.#publishes)
    const there = await this.there()
    await until('all to be run', () => [...there].every((number) => this.runs.has(number)), 30_000)
  }

  /** What is in the stream. */
  async there(): Promise<Set<number>> {
    const there = new Set<number>()
    for (let after = FIRST_POSITION; ;) {
      const entries = await this.#lab.log.read(this.#lab.stream, after, 1_000)
      if (entries.length === 0) return there
      for (const { fields } of entries) there.add(Number(fields[3]))
      after = entries.at(-1)!.position
    }
  }

  /** What was accepted and is not there. */
  async lost(): Promise<number[]> {
    const there = await this.there()
    return [...this.accepted.keys()].filter((number) => !there.has(number))
  }

  /** Which ran more than once. */
  get repeated(): number[] {
    return [...this.runs].filter(([, attempts]) => attempts.length > 1).map(([number]) => number)
  }

  /** The attempts of those that ran once. */
  get attempts(): Set<number> {
    return new Set([...this.runs.values()].filter(({ length }) => length === 1).flat())
  }

  async #publish(): Promise<void> {
    for (let number = 0; !this.#stopped; number++) {
      this.#publishes.push(this.#publishOne(number))
      await sleep(PAUSE_MS)
    }
  }

  async #publishOne(number: number): Promise<void> {
    const from = performance.now()
    const durability = this.#durability
    const [result] = await this.#lab.log.append(this.#lab.stream, [
      {
        fields: ['type', 'number', 'data', String(number)],
        idempotencyKey: `${this.#lab.stream} ${number}`,
        ...(durability && { durability }),
      },
    ])
    if (typeof result !== 'string') this.refused.push(result!)
    else this.accepted.set(number, { position: result, from, to: performance.now() })
  }
}
