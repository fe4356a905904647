import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  pipeline,
  type SinkPipelineDeclaration,
  type SinkPipelineOptions,
} from '../../connectors/pipeline.ts'
import { SinkPipeline } from '../../connectors/sink-pipeline.ts'
import { FIRST_POSITION } from '../../core/position.ts'
import { noLog } from '../../core/service.ts'
import type { Sink } from '../../core/sink.ts'
import type { StreamLog } from '../../core/stream-log.ts'
import { namedFields } from '../../core/codec.ts'
import type { Expect } from '../conformance/adapter.ts'
import type { SinkFaults, SinkLab } from './lab.ts'
import { watchAcknowledgements } from './watch.ts'

export interface SceneOptions {
  expect: Expect
  /** Whether repeats are there once. */
  isExactlyOnce: boolean
  /** How long a step may take, in ms. */
  patienceMs: number
}

export type SinkCases = Readonly<Record<string, (scene: SinkScene) => Promise<void>>>

const STEP_MS = 10
/** Short, so that a case need not wait for long, and long enough for heartbeats on a busy machine. */
export const DEAD_AFTER_MS = 800
export const BATCH_SIZE = 10
export const GROUP = 'sink'
export const PIPELINE = 'conformance'

/** What one case plays on: a stream of numbered events, a place to write to, and pipelines between them. */
export class SinkScene {
  readonly lab: SinkLab
  readonly expect: Expect
  readonly isExactlyOnce: boolean
  readonly stream = `sink:${randomUUID()}`
  readonly #log: StreamLog
  readonly #patienceMs: number
  readonly #runs: SinkPipeline[] = []
  /** Numbers that were there once, and so for good. */
  readonly #seen = new Set<number>()
  #published = 0

  constructor(lab: SinkLab, log: StreamLog, options: SceneOptions) {
    this.lab = lab
    this.#log = log
    this.expect = options.expect
    this.isExactlyOnce = options.isExactlyOnce
    this.#patienceMs = options.patienceMs
  }

  async close(): Promise<void> {
    await Promise.all(this.#runs.map((run) => run.stop(2_000)))
    await this.lab.close()
  }

  /** Fails the case where a fault is missing that is not declared as such. */
  fault<Name extends keyof SinkFaults>(name: Name): SinkFaults[Name] {
    const fault = this.lab[name]
    if (fault === undefined)
      throw new Error(`the lab has no "${name}": add it, or give the reason in "without"`)
    return (typeof fault === 'function' ? fault.bind(this.lab) : fault) as SinkFaults[Name]
  }

  /** Writes events whose data are `{ number }`, counted on from the last call. */
  async publish(count: number, more: object = {}): Promise<void> {
    const entries = Array.from({ length: count }, (_, index) => {
      const data = JSON.stringify({ number: this.#published + index, ...more })
      return { fields: ['type', 'number', 'data', data] }
    })
    this.#published += count
    for (const result of await this.#log.append(this.stream, entries))
      if (typeof result !== 'string') throw result
  }

  /** An instance of the pipeline, started; it is stopped with the case. */
  async run(options: Partial<SinkPipelineOptions> = {}, sink: Sink = this.lab.sink()): Promise<SinkPipeline> {
    const declared = pipeline(PIPELINE, {
      from: this.stream,
      to: sink,
      group: GROUP,
      batch: { size: BATCH_SIZE },
      deadAfterMs: DEAD_AFTER_MS,
      retryDelayMs: 100,
      retry: { attempts: 3, delayMs: 10 },
      ...options,
    })
    const streams = watchAcknowledgements(this.#log, this.early, (number) => this.#isThere(number))
    const run = new SinkPipeline(declared as SinkPipelineDeclaration, { streams, log: noLog })
    this.#runs.push(run)
    await run.start()
    return run
  }

  /** The numbers that were acknowledged before the sink had them. */
  readonly early: number[] = []

  /** Those that are there for good, repeats included. */
  async numbers(): Promise<number[]> {
    const numbers = (await this.lab.held()).map((data) => (data as { number: number }).number)
    for (const number of numbers) this.#seen.add(number)
    return numbers
  }

  /** Reading everything takes its time: it is done for what was not seen yet. */
  async #isThere(number: number): Promise<boolean> {
    if (!this.#seen.has(number)) await this.numbers()
    return this.#seen.has(number)
  }

  /** Waits until all that was published is there, but for `missing`; and sees that nothing else is, or was too early. */
  async everythingIsThere(missing: readonly number[] = []): Promise<void> {
    const expected = range(this.#published).filter((number) => !missing.includes(number))
    let numbers: number[] = []
    await this.until(`${expected.length} events`, async () => {
      numbers = await this.numbers()
      return new Set(numbers).size >= expected.length
    })
    // Repeats of what is there already would come from another instance, or from a batch that is run again.
    await this.until('an end of writing', () => this.#runs.every(({ status }) => status.held === 0))
    numbers = await this.numbers()
    const there = this.isExactlyOnce ? numbers : [...new Set(numbers)]
    this.expect(there.toSorted((a, b) => a - b)).toEqual(expected)
    this.expect(this.early).toEqual([])
  }

  /** Whether the first `count` events are there in their order; what is there again came with others before and behind it. */
  async isInOrder(count: number): Promise<void> {
    const numbers = await this.numbers()
    const [first, last] = [new Set(numbers), new Set(numbers.toReversed())]
    this.expect([...first]).toEqual(range(count))
    this.expect([...last].toReversed()).toEqual(range(count))
    if (this.isExactlyOnce) this.expect(numbers.length).toBe(count)
  }

  /** The numbers of the dead letters of the stream, with the errors that made them such. */
  async letters(): Promise<{ number: number; error: string }[]> {
    const entries = await this.#log
      .read(this.#log.deadLetterStream(this.stream), FIRST_POSITION, 1_000)
      .catch(() => [])
    return entries.map(({ fields }) => {
      const named = namedFields(fields)
      const { number } = JSON.parse(named.get('data') ?? '{}') as { number: number }
      return { number, error: named.get('deadletter-error') ?? '' }
    })
  }

  async until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
    const end = performance.now() + this.#patienceMs
    for (;;) {
      const begin = performance.now()
      if (await holds()) return
      if (performance.now() > end) throw new Error(`waited ${this.#patienceMs} ms in vain for ${what}`)
      // What takes long to find out is asked less often, so that the sink gets its time as well.
      await sleep(Math.max(STEP_MS, performance.now() - begin))
    }
  }

  /** Waits for what a fault says of itself. */
  async happens(what: string, happening: Promise<unknown>): Promise<void> {
    let hasHappened = false
    void happening.then(() => (hasHappened = true))
    await this.until(what, () => hasHappened)
  }
}

/** From 0 to `count - 1`. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, number) => number)
