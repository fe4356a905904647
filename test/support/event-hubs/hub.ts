import { createHash } from 'node:crypto'
import rhea from 'rhea'

const { message } = rhea

export type Message = ReturnType<typeof message.decode>

/** An event as its partition holds it: the AMQP message as it came, and what the service added. */
export interface StoredEvent {
  readonly raw: Buffer
  readonly partitionKey: string | undefined
  readonly sequenceNumber: number
  readonly offset: string
  readonly enqueuedAt: number
}

/** One append-only log. */
export class Partition {
  readonly id: string
  readonly events: StoredEvent[] = []
  #bytes = 0
  #readers = new Set<() => void>()

  constructor(id: string) {
    this.id = id
  }

  append(raw: readonly Buffer[], partitionKey: string | undefined): void {
    for (const one of raw) {
      const { length: sequenceNumber } = this.events
      const offset = String(this.#bytes)
      this.events.push({ raw: one, partitionKey, sequenceNumber, offset, enqueuedAt: Date.now() })
      this.#bytes += one.length
    }
    for (const wake of this.#readers) wake()
  }

  /** Calls `wake` after each append, until the answer is called. */
  follow(wake: () => void): () => void {
    this.#readers.add(wake)
    return () => this.#readers.delete(wake)
  }
}

export class Hub {
  readonly name: string
  readonly createdAt = new Date()
  readonly partitions: readonly Partition[]
  #next = 0

  constructor(name: string, partitions: number) {
    this.name = name
    this.partitions = Array.from({ length: partitions }, (_, id) => new Partition(String(id)))
  }

  /** Where a batch goes: one key always to the same partition, batches without one to each in turn. */
  partitionFor(key: string | undefined): Partition {
    const number = key === undefined ? this.#next++ : createHash('sha256').update(key).digest().readUInt32BE()
    return this.partitions[number % this.partitions.length]!
  }

  /** All that it holds, partition by partition. */
  messages(): { partition: string; partitionKey: string | undefined; message: Message }[] {
    return this.partitions.flatMap(({ id, events }) =>
      events.map(({ raw, partitionKey }) => ({ partition: id, partitionKey, message: message.decode(raw) })),
    )
  }

  /** The bodies of all that it holds, read as JSON. */
  data(): unknown[] {
    return this.partitions.flatMap(({ events }) => events.map(({ raw }) => dataOf(raw)))
  }
}

/** The body of a message, read as JSON. */
export const dataOf = (raw: Buffer): unknown =>
  JSON.parse(String((message.decode(raw).body as { content: Buffer }).content))
