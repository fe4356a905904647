import { setTimeout as sleep } from 'node:timers/promises'
import { Reject, type Delivery } from '../../src/core/delivery.ts'
import type { MultiStreamWorker } from '../../src/worker/multi-stream-worker.ts'
import type { WorkerOptions } from '../../src/worker/worker-options.ts'
import { ATTEMPTS, DEAD_AFTER_MS, invoiceOf, MIN_IDLE_MS, noteOf, POISON_ATTEMPTS } from './plan.ts'
import type { Surroundings } from './surroundings.ts'

/** Longer than it takes until heartbeats look after an entry, and until the audit trail tells that it is pending. */
const LONG_MS = 450
const GUEST_MS = 20
const GUEST_STAYS_MS = 1_000
const STOP_MS = 5_000

/** The groups of the scenario, with what their handlers do. */
export class Consuming {
  readonly #around: Surroundings
  readonly #guestCame = new AbortController()
  #many: MultiStreamWorker | undefined

  constructor(around: Surroundings) {
    this.#around = around
  }

  /** Another member of `plain`, which stops as soon as it has something to do; the answer waits for that. */
  async invite(): Promise<() => Promise<void>> {
    const { signal } = this.#guestCame
    const guest = await this.#around.bus.consume(this.#around.streams.orders, this.#plainOptions(), {
      '*': async (delivery) => {
        this.#guestCame.abort()
        await sleep(GUEST_MS)
        await this.#plain(delivery)
      },
    })
    return async () => {
      await sleep(GUEST_STAYS_MS, undefined, { signal }).catch(() => {})
      await guest.stop(STOP_MS)
    }
  }

  async start(): Promise<void> {
    const { orders, notices } = this.#around.streams
    const ledger = { ...this.#options('ledger'), audit: { trail: this.#around.postgres.audit, main: false } }
    const ordered = { ...this.#options('ordered'), order: 'key' as const }
    const bulk = {
      ...this.#options('bulk'),
      batch: { size: 5, waitMs: 5 },
      rateLimit: { count: 10_000, perMs: 1_000 },
      circuitBreaker: { failures: 50, openMs: 100 },
    }
    await Promise.all([
      this.#around.bus.consume(orders, this.#plainOptions(), { '*': (delivery) => this.#plain(delivery) }),
      this.#around.bus.consume(orders, ordered, { '*': (delivery) => this.#ordered(delivery) }),
      this.#around.bus.consume(orders, ledger, { '*': this.#ledger() }),
      this.#around.bus.consumeBatches(orders, bulk, this.#bulk()),
    ])
    const many = await this.#around.bus.consumeMany()
    this.#many = many
    const readers = { ...this.#options('readers'), stream: notices.name }
    many.add({ ...readers, handler: (delivery) => this.#effect('readers', delivery) })
  }

  #options(group: string): Omit<WorkerOptions, 'stream'> {
    const policy = { attempts: ATTEMPTS, delayMs: 10, factor: 1, jitter: 0 }
    return {
      group,
      concurrency: 4,
      deadAfterMs: DEAD_AFTER_MS,
      minIdleMs: MIN_IDLE_MS,
      retry: { ...policy, types: { poison: { attempts: POISON_ATTEMPTS }, reject: { delayMs: LONG_MS } } },
    }
  }

  #plainOptions() {
    const audit = { trail: this.#around.postgres.audit }
    return { ...this.#options('plain'), audit, deduplicate: { ttlMs: 600_000 } }
  }

  async #plain(delivery: Delivery): Promise<void> {
    const { event } = delivery
    const name = this.#start('plain', delivery)
    if (event.type === 'poison') throw new Error('it is poison')
    failAtFirst(delivery)
    if (event.type === 'slow') await sleep(LONG_MS)
    if (event.type === 'maker') {
      const invoice = { name: invoiceOf(name) }
      await this.#around.bus.produce(delivery, this.#around.streams.invoices, 'invoice', invoice)
    }
    this.#around.journal.write({ what: 'effect', group: 'plain', name })
  }

  #ordered(delivery: Delivery): void {
    const name = this.#start('ordered', delivery)
    failAtFirst(delivery)
    this.#around.journal.write({ what: 'effect', group: 'ordered', name })
  }

  #ledger() {
    const { inbox, outbox } = this.#around.postgres
    return inbox.handler(async (delivery: Delivery, tx) => {
      const name = this.#start('ledger', delivery)
      await tx.query(INSERT, [this.#around.run, 'ledger', name])
      failFlaky(delivery)
      await outbox.add(tx, this.#around.streams.notices, [{ type: 'note', data: { name: noteOf(name) } }])
    })
  }

  #bulk() {
    return this.#around.postgres.inbox.batchHandler(async (deliveries: readonly Delivery[], tx) => {
      for (const delivery of deliveries) {
        const name = this.#start('bulk', delivery)
        await tx.query(INSERT, [this.#around.run, 'bulk', name])
        failFlaky(delivery)
      }
    })
  }

  #effect(group: string, delivery: Delivery): void {
    this.#around.journal.write({ what: 'effect', group, name: this.#start(group, delivery) })
  }

  #start(group: string, { event, attempt, copyOf }: Delivery): string {
    const { name } = event.data as { name: string }
    this.#around.journal.write({ what: 'start', group, name, attempt, copy: copyOf !== undefined })
    return name
  }

  async leave(): Promise<void> {
    await this.#many?.remove(this.#around.streams.notices.name, 'readers', STOP_MS)
  }
}

/** A copy of what was rejected fails as well, so that an inlet has retries. */
function failAtFirst(delivery: Delivery): void {
  failFlaky(delivery)
  const { event, copyOf, attempt } = delivery
  if (event.type !== 'reject') return
  if (!copyOf) throw new Reject('nobody wants it')
  if (attempt === 1) throw new Error('the first attempt fails')
}

function failFlaky({ event, attempt }: Delivery): void {
  if (event.type === 'flaky' && attempt === 1) throw new Error('the first attempt fails')
}

const INSERT = 'INSERT INTO effects VALUES ($1, $2, $3)'
