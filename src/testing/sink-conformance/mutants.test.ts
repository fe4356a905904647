import { describe, expect, test } from 'vitest'
import { MessageProcessingError, SinkError } from '../../core/connector-errors.ts'
import type { BatchFaults } from '../../core/delivery.ts'
import type { Sink, SinkEvent } from '../../core/sink.ts'
import { sinkConformance } from '../sink-conformance.ts'
import type { SinkAdapter, SinkLab } from './lab.ts'

type Write = (events: readonly SinkEvent[]) => Promise<BatchFaults>

/** What a mutant does otherwise. */
interface Mutation {
  write?(write: Write, list: ListLab): Write
  connect?(): Promise<void>
  identityOf?(event: SinkEvent): unknown
}

const without = { startProcess: 'it is in memory' }

/** A list in memory, with a sink that keeps every promise, and with all that can go wrong. */
class ListLab implements SinkLab {
  readonly oversize = 1_000
  readonly #mutation: Mutation
  readonly #held = new Map<unknown, unknown>()
  #isAway = false
  #isRefused: (data: unknown) => boolean = () => false
  #answering = Promise.resolve()
  #busyMs = 0
  #onCut: (() => void) | undefined

  constructor(mutation: Mutation = {}) {
    this.#mutation = mutation
  }

  sink(): Sink {
    const { write = (same) => same, connect = async () => this.#beThere() } = this.#mutation
    return { connect, write: write((events) => this.#write(events), this), close: async () => {} }
  }

  async held(): Promise<readonly unknown[]> {
    return [...this.#held.values()]
  }

  refuse(isRefused: (data: unknown) => boolean): void {
    this.#isRefused = isRefused
  }

  throttle(ms: number): void {
    this.#busyMs = ms
  }

  cut(): Promise<void> {
    return new Promise((resolve) => (this.#onCut = resolve))
  }

  hang(): () => void {
    let letGo = () => {}
    this.#answering = new Promise((resolve) => (letGo = resolve))
    return letGo
  }

  leave(): () => void {
    this.#isAway = true
    return () => {
      this.#isAway = false
    }
  }

  async close(): Promise<void> {}

  #beThere(): void {
    if (this.#isAway) throw new SinkError('SINK_UNAVAILABLE', 'nobody is there')
  }

  async #write(events: readonly SinkEvent[]): Promise<BatchFaults> {
    this.#beThere()
    await this.#answering
    const [retryAfterMs, onCut] = [this.#busyMs, events.length > 1 && this.#onCut]
    this.#busyMs = 0
    if (retryAfterMs > 0) throw new SinkError('SINK_THROTTLED', 'less, please', { retryAfterMs })
    if (!onCut) return events.map((event) => this.#take(event))
    this.#onCut = undefined
    for (const event of events.slice(0, events.length / 2)) this.#take(event)
    onCut()
    throw new SinkError('SINK_UNAVAILABLE', 'lost')
  }

  #take(event: SinkEvent): MessageProcessingError | undefined {
    const { data } = event.event
    if (JSON.stringify(data).length > this.oversize)
      return new MessageProcessingError('EVENT_TOO_LARGE', 'too large')
    if (this.#isRefused(data)) return new MessageProcessingError('EVENT_REFUSED', 'refused')
    const { identityOf = wholeIdentity } = this.#mutation
    const identity = identityOf(event)
    if (!this.#held.has(identity)) this.#held.set(identity, data)
    return undefined
  }
}

const wholeIdentity = ({ stream, position, part, entry }: SinkEvent): string =>
  JSON.stringify([stream, position, part, entry.fields])

const adapterOf = (mutation?: Mutation): SinkAdapter => ({
  name: 'a list',
  open: async () => new ListLab(mutation),
  without,
})

sinkConformance(adapterOf(), { describe, test, expect })

/** The cases of the suite for a sink, by their whole name; a step takes a second at most. */
function casesOf(adapter: SinkAdapter): Map<string, () => Promise<void>> {
  const cases = new Map<string, () => Promise<void>>()
  let part = ''
  const inPart = (name: string, declareCases: () => void) => {
    part = name
    declareCases()
  }
  sinkConformance(
    { ...adapter, patienceMs: 1_000 },
    { describe: inPart, test: (name, run) => cases.set(`${part} > ${name}`, run), expect },
  )
  return cases
}

const lostInstead =
  (answer: (events: readonly SinkEvent[]) => BatchFaults) =>
  (write: Write): Write =>
  (events) =>
    write(events).catch((error: SinkError) => {
      if (error.message === 'lost') return answer(events)
      throw error
    })

const fromItsEnd =
  (write: Write): Write =>
  (events) =>
    write(events.toReversed()).then((faults) => faults.toReversed())

const aMomentLater =
  (write: Write): Write =>
  async (events) => {
    setTimeout(() => void write(events), 20)
    return []
  }

const isRedelivered = ({ redelivered }: SinkEvent): boolean => redelivered

const MUTANTS: [what: string, mutation: Mutation, caught: string, how: RegExp][] = [
  [
    'says that it has what it has only a moment later',
    { write: aMomentLater },
    'it is given > every event, and each is acknowledged when it is there',
    /to deeply equal \[\]/,
  ],
  [
    'does so where it is written to by itself',
    { write: aMomentLater },
    'its life > it has for good what it was given when a write comes to its end',
    /expected \+?0 to be 1/,
  ],
  [
    'takes a write for done that was lost in the middle',
    { write: lostInstead(() => []) },
    'a connection that is lost in mid-write > everything is there in the end, and nobody is to blame',
    /in vain for 20 events/,
  ],
  [
    'blames the events for a lost connection',
    { write: lostInstead((events) => events.map(() => new MessageProcessingError('EVENT_REFUSED', 'lost'))) },
    'a connection that is lost in mid-write > everything is there in the end, and nobody is to blame',
    /in vain for 20 events/,
  ],
  [
    'writes a batch from its end',
    { write: fromItsEnd },
    'order > as a batch is given to the sink',
    /to deeply equal/,
  ],
  [
    'sees to what is redelivered last',
    { write: (write) => (events) => write(events.toSorted((a, b) => +a.redelivered - +b.redelivered)) },
    'order > also where some are redelivered and were never there',
    /to deeply equal/,
  ],
  [
    'takes what is redelivered for written',
    { write: (write) => (events) => write(events.filter((event) => !isRedelivered(event))) },
    'order > also where some are redelivered and were never there',
    /to deeply equal/,
  ],
  [
    'writes from its end what it writes again',
    { write: (write) => (events) => (events.some(isRedelivered) ? fromItsEnd(write) : write)(events) },
    'order after a lost connection > what is written again comes before what is written later',
    /to deeply equal/,
  ],
  [
    'knows no repeats',
    { identityOf: () => Symbol('another one') },
    'repeats > of a batch are written once, also by another instance',
    /to deeply equal/,
  ],
  [
    'knows events by their positions alone',
    { identityOf: ({ stream, position, part }) => `${stream}:${position}:${part}` },
    'repeats > are told from other parts, other streams and other events of the same position',
    /to deeply equal/,
  ],
  [
    'keeps a refusal to itself',
    { write: (write) => (events) => write(events).then(() => []) },
    'partial failure > what it refuses is found in its batch and buried; the rest is there',
    /\[ 3, 11, 12 \] to deeply equal \[\]/,
  ],
  [
    'blames a whole batch for one event',
    {
      write: (write) => async (events) => {
        const faults = await write(events)
        const fault = faults.find((one) => one)
        return events.map(() => fault)
      },
    },
    'partial failure > what it refuses is found in its batch and buried; the rest is there',
    /to deeply equal/,
  ],
  [
    'does not say what is too large',
    {
      write: (write) => async (events) => {
        const faults = await write(events)
        return faults.map((fault) => fault && new Error(fault.message))
      },
    },
    'oversize > what is too large is buried alone and at once, with the reason; the rest is there',
    /in vain for a dead letter/,
  ],
  [
    'does not say how long it wants to be left alone',
    {
      write: (write) => (events) =>
        write(events).catch(() => {
          throw new SinkError('SINK_THROTTLED', 'less, please')
        }),
    },
    'a sink that throttles > is asked again when it says, and nobody is to blame',
    /to be greater than or equal to 290/,
  ],
  [
    'says that it is there though it is not',
    { connect: async () => {} },
    'a sink that is not there > at the start: nothing is read until it is there',
    /to deeply equal \[ \+?0, \+?0 \]/,
  ],
]

test.each(MUTANTS)('a sink that %s is caught', async (_, mutation, caught, how) => {
  await expect(casesOf(adapterOf(mutation)).get(caught)!()).rejects.toThrow(how)
})

test('a fault that a lab neither has nor explains fails its cases', async () => {
  const lab = new ListLab()
  const bare: SinkLab = { sink: () => lab.sink(), held: () => lab.held(), close: () => lab.close() }
  const cases = casesOf({ ...adapterOf(), open: async () => bare })
  const throttling = cases.get('a sink that throttles > is asked again when it says, and nobody is to blame')
  await expect(throttling!()).rejects.toThrow(
    'the lab has no "throttle": add it, or give the reason in "without"',
  )
})

test('what a sink can not have is shown with its reason', () => {
  const names = [...casesOf(adapterOf()).keys()].filter((name) => name.includes('left out'))
  expect(names).toEqual([expect.stringMatching(/a kill -9: left out, since it is in memory$/)])
})
