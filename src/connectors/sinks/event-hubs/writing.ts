import { setMaxListeners } from 'node:events'
import type { EventHubProducerClient } from '@azure/event-hubs'
import { EventHubsError } from '../../../core/connector-errors.ts'
import type { BatchFaults } from '../../../core/delivery.ts'
import type { SinkEvent } from '../../../core/sink.ts'
import type { EventHubsFailures } from './failures.ts'
import { byKey, pack, type Packed, type Placed } from './packing.ts'

export interface WritingOptions {
  client: EventHubProducerClient
  failures: EventHubsFailures
  /** Whether Event Hubs has it of an earlier write. */
  has(event: SinkEvent): boolean
  /** Told of what Event Hubs has. */
  sent(event: SinkEvent): void
  signal: AbortSignal
}

/** Sends that wait for their answer at once. */
const PARALLEL = 16

/** One write: the batches of each key one after another, those of different keys and of none side by side. */
export class Writing {
  readonly #options: WritingOptions
  readonly #faults: (Error | undefined)[] = []
  readonly #errors: Error[] = []

  constructor(options: WritingOptions) {
    this.#options = options
    // Each send that is under way listens.
    setMaxListeners(0, options.signal)
  }

  /**
   * Where a batch fails, nothing behind it of the same key is sent.
   *
   * @throws EventHubsError when every send that was under way has its answer
   */
  async run(events: readonly SinkEvent[]): Promise<BatchFaults> {
    const { has, signal } = this.#options
    const open = events.map((event, index) => ({ event, index })).filter(({ event }) => !has(event))
    await sideBySide(
      Array.from(
        byKey(open),
        ([key, group]) =>
          () =>
            this.#sendGroup(key, group),
      ),
    )
    signal.throwIfAborted()
    if (this.#errors.length > 0) throw gravest(this.#errors)
    return events.map((_, index) => this.#faults[index])
  }

  async #sendGroup(partitionKey: string | undefined, group: readonly Placed[]): Promise<void> {
    if (this.#isOver) return
    const packs = await this.#pack(partitionKey, group)
    if (partitionKey === undefined) return sideBySide(packs.map((packed) => () => this.#send(packed)))
    for (const packed of packs) if (!(await this.#send(packed))) return
  }

  async #pack(partitionKey: string | undefined, group: readonly Placed[]): Promise<Packed[]> {
    const { client, failures, signal } = this.#options
    const options = { abortSignal: signal, ...(partitionKey !== undefined && { partitionKey }) }
    try {
      return await pack(group, {
        open: () => client.createBatch(options),
        refuse: ({ index }, fault) => (this.#faults[index] = fault),
      })
    } catch (error) {
      this.#errors.push(failures.ofSend(error))
      return []
    }
  }

  /** Whether what is behind it may be sent. */
  async #send({ batch, events }: Packed): Promise<boolean> {
    const { client, failures, sent, signal } = this.#options
    if (this.#isOver) return false
    try {
      await client.sendBatch(batch, { abortSignal: signal })
      for (const { event } of events) sent(event)
      return true
    } catch (thrown) {
      const error = events.length === 1 ? failures.ofEvent(thrown) : failures.ofSend(thrown)
      if (error instanceof EventHubsError) this.#errors.push(error)
      else this.#faults[events[0]!.index] = error
      return !(error instanceof EventHubsError)
    }
  }

  /** Where Event Hubs is not there or wants less, sending on makes it worse. */
  get #isOver(): boolean {
    return this.#options.signal.aborted || this.#errors.some((error) => rank(error) > 0)
  }
}

async function sideBySide(jobs: readonly (() => Promise<unknown>)[]): Promise<void> {
  const next = jobs.values()
  const work = async () => {
    for (const job of next) await job()
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL, jobs.length) }, work))
}

const RANKS: Readonly<Record<string, number>> = { SINK_THROTTLED: 1, SINK_UNAVAILABLE: 2 }
const rank = (error: Error): number => RANKS[(error as Partial<EventHubsError>).code ?? ''] ?? 0
const waitOf = (error: Error): number => (error as Partial<EventHubsError>).retryAfterMs ?? 0

/** The one that says most of what to do next: to connect anew, to wait for the longest time, to look for the culprit. */
const gravest = (errors: readonly Error[]): Error =>
  errors.reduce((worst, error) => (isWorse(error, worst) ? error : worst))

const isWorse = (error: Error, than: Error): boolean =>
  rank(error) === rank(than) ? waitOf(error) > waitOf(than) : rank(error) > rank(than)
