import { Bus, type PublishOptions } from '../../src/bus/bus.ts'
import { Publisher } from '../../src/bus/publisher.ts'
import type { MillraceError } from '../../src/core/errors.ts'
import type { PublishMiddleware } from '../../src/core/pipeline.ts'
import type { Outbox } from '../../src/postgres/outbox.ts'
import type { Line } from './journal.ts'
import {
  BROKEN,
  BY_NAME,
  CROOKED,
  FAREWELL,
  IN_ORDER,
  NOTE_KEY,
  NOTES,
  REPLICATED,
  SCHEDULED,
  SECOND_TWIN,
  SINGLE,
  THROUGH_MIDDLEWARE,
  TOGETHER,
  type Planned,
} from './plan.ts'
import type { Surroundings } from './surroundings.ts'

/** What the scenario publishes and adds to the outbox, each with a word in the journal before and after. */
export class Publishing {
  readonly #around: Surroundings
  readonly #outbox: Outbox
  /** What is known to be published, and of what that is not known. */
  readonly #known = new Set<string>()
  readonly #intended = new Set<string>()

  /**
   * @param outbox without middleware, unlike that of PostgreSQL
   * @param before what the journal says of earlier processes
   */
  constructor(around: Surroundings, outbox: Outbox, before: readonly Line[]) {
    this.#around = around
    this.#outbox = outbox
    for (const line of before) {
      if (line.what === 'ok') this.#known.add(line.name)
      else if (line.what === 'intent') this.#intended.add(line.name)
    }
  }

  async publish(): Promise<void> {
    const { orders } = this.#around.streams
    const inOrder = async () => {
      for (const event of IN_ORDER) await this.#publish(event)
    }
    const pass: PublishMiddleware = async (event) => event
    const through = new Bus(this.#around.bus.log, { middleware: [pass, pass] })
    await Promise.all([
      inOrder(),
      ...SINGLE.map((event) => this.#publish(event)),
      this.#once(TOGETHER, () =>
        through.publishMany(
          orders,
          TOGETHER.map((event) => this.#event(event)),
        ),
      ),
      this.#publish(THROUGH_MIDDLEWARE, through),
      this.#once([BY_NAME], () => this.#publishInTwoSteps()),
      this.#once([{ name: BROKEN, keyed: true }], () =>
        this.#around.bus.log.append(orders.name, [
          { fields: ['type', 'steady', 'data', '{'], idempotencyKey: BROKEN },
        ]),
      ),
      this.#once([SCHEDULED], () => this.#schedule()),
      this.#once([REPLICATED], () => this.#publishDurably()),
    ])
  }

  /** As the HTTP API does: what was checked is what is written. */
  async #publishInTwoSteps(): Promise<readonly (string | Error)[]> {
    const { name } = this.#around.streams.orders
    const publisher = new Publisher(this.#around.bus.log)
    const prepared = await publisher.prepareEntries(name, this.#event(BY_NAME))
    return publisher.write(name, [prepared])
  }

  #publish(event: Planned, bus = this.#around.bus): Promise<void> {
    const { type, data, ...options } = this.#event(event)
    return this.#once([event], async () => [
      await bus.publish(this.#around.streams.orders, type, data, options),
    ])
  }

  /** There is no replica, so it is written and its publisher is told that nobody else has it; once more is no second. */
  async #publishDurably(): Promise<[string]> {
    const { type, data, ...options } = this.#event(REPLICATED)
    const publish = (more: PublishOptions) =>
      this.#around.bus.publish(this.#around.streams.orders, type, data, { ...options, ...more })
    const durability = { replicas: 1, timeoutMs: 10 }
    const refused = await publish({ durability }).catch((error: MillraceError) => error)
    if (!(refused instanceof Error) || refused.code !== 'PUBLISH_NOT_REPLICATED')
      throw new Error('what no replica has counts as replicated', { cause: refused })
    return [await publish({})]
  }

  async #schedule(): Promise<[undefined]> {
    const { type, data, ...options } = this.#event(SCHEDULED)
    await this.#around.bus.schedule(this.#around.streams.orders, type, data, { delayMs: 30 }, options)
    return [undefined]
  }

  #event({ name, type, key, id, keyed, size = 0 }: Planned) {
    const data = { name, more: ' '.repeat(size) }
    return { type, data, key, id, idempotencyKey: keyed ? name : undefined }
  }

  /** Publishes what is not known to be there, unless it may be there and has no key to be published again with. */
  async #once(
    events: readonly { name: string; keyed: boolean }[],
    publish: () => Promise<readonly (string | Error | undefined)[]>,
  ): Promise<void> {
    if (events.every(({ name, keyed }) => this.#known.has(name) || (!keyed && this.#intended.has(name))))
      return
    for (const { name } of events) this.#around.journal.write({ what: 'intent', name })
    const results = await publish()
    for (const [index, { name }] of events.entries()) {
      const result = results[index]
      if (result instanceof Error)
        this.#around.journal.write({ what: 'failed', name, reason: result.message })
      else
        this.#around.journal.write({
          what: 'ok',
          name,
          ...(result === undefined ? {} : { position: result }),
        })
    }
  }

  /** One after the other, each under an id of its own, so that adding it again after a commit nobody saw is no second. */
  async addNotes(): Promise<void> {
    const { notices, crooked } = this.#around.streams
    await this.#addNote(crooked, CROOKED)
    for (const name of NOTES) await this.#addNote(notices, name)
  }

  #addNote(stream: Surroundings['streams']['notices'], name: string): Promise<void> {
    const note = { type: 'note' as const, id: name, key: NOTE_KEY, data: { name } }
    return this.#once([{ name, keyed: true }], async () => {
      await this.#around.servers.transaction(
        async (client) => void (await this.#outbox.add(client, stream, [note])),
      )
      return [undefined]
    })
  }

  /** What comes when everything before has ended: a twin of what was acknowledged, and what was rejected once more. */
  async goOn(): Promise<void> {
    await this.#publish(SECOND_TWIN)
    const { deadLetters } = this.#around.bus.operations
    await deadLetters.redrive(
      this.#around.streams.orders.name,
      { filter: { error: 'Reject' } },
      { actor: 'test' },
    )
    await this.#mendCrooked()
  }

  /** As whoever is on call would: away with what stands in the place of the stream, then once more. */
  async #mendCrooked(): Promise<void> {
    const { send } = this.#around.servers
    const { name } = this.#around.streams.crooked
    if ((await this.#around.postgres.outbox.status()).failed === 0) return
    const failed = await this.#around.postgres.outbox.failed()
    if ((await send('TYPE', name)) === 'string') await send('DEL', name)
    await this.#around.postgres.outbox.retry(failed.map(({ id }) => id))
  }

  sayFarewell(): Promise<void> {
    const { invoices } = this.#around.streams
    return this.#once([{ name: FAREWELL, keyed: true }], async () => [
      await this.#around.bus.publish(invoices, 'invoice', { name: FAREWELL }, { idempotencyKey: FAREWELL }),
    ])
  }
}
