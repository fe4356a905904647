import { replaceData, writtenData } from '../core/codec.ts'
import {
  faultsOf,
  type BatchFaults,
  type BatchHandler,
  type Delivery,
  type Handler,
} from '../core/delivery.ts'
import { toError } from '../core/errors.ts'

/**
 * A batch handler behind what is made for single deliveries, such as middleware and the check of data: each delivery
 * goes through `toHandler` on its own, and what arrives at the end makes the batch; split ones as several, filtered
 * ones not at all. One that fails on its way fails alone, and nothing of it arrives; a fault that the handler answers is
 * that of the delivery which the event came from.
 *
 * @param toHandler makes a handler that ends in `arrive`
 *
 * @example
 * batched((arrive) => compose(decrypt(ring))(dispatch(users, { '*': arrive })), insertAll)
 */
export function batched(toHandler: (arrive: Handler) => Handler, handler: BatchHandler): BatchHandler {
  // Made anew for each batch, since batches overlap; made once now, so that what is wrong with it is told at once.
  toHandler(() => {})
  return async (deliveries) => {
    const passage = new Passage(toHandler)
    for (const delivery of deliveries) await passage.pass(delivery)
    const { arrived } = passage
    return passage.faults(arrived.length > 0 ? faultsOf(await handler(arrived)) : [])
  }
}

/** One batch on its way. */
class Passage {
  readonly arrived: Delivery[] = []
  /** Which delivery of the batch each of those came from. */
  readonly #origins: number[] = []
  readonly #faults: (Error | undefined)[] = []
  readonly #handler: Handler

  constructor(toHandler: (arrive: Handler) => Handler) {
    this.#handler = toHandler((delivery) => {
      this.arrived.push(delivery)
      this.#origins.push(this.#faults.length)
    })
  }

  async pass(delivery: Delivery): Promise<void> {
    const before = this.arrived.length
    try {
      // What failed as a batch is run again one by one: then it is to be seen as it was written once more.
      replaceData(delivery.event, writtenData(delivery.event))
      await this.#handler(delivery)
      this.#faults.push(undefined)
    } catch (thrown) {
      this.arrived.length = this.#origins.length = before
      this.#faults.push(toError(thrown))
    }
  }

  /** Those of the way and those of what arrived; the first one of each delivery. */
  faults(ofArrived: BatchFaults): BatchFaults {
    for (const [index, origin] of this.#origins.entries()) this.#faults[origin] ??= ofArrived[index]
    return this.#faults
  }
}
