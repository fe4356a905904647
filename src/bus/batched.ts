import { replaceData, writtenData } from '../core/codec.ts'
import type { BatchHandler, Delivery, Handler } from '../core/delivery.ts'

/**
 * A batch handler behind what is made for single deliveries, such as middleware and the check of data: each delivery
 * goes through `toHandler` on its own, and what arrives at the end makes the batch; split ones as several, filtered
 * ones not at all. Where one of them fails, so does the batch, which is then run one by one.
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
    const arrived: Delivery[] = []
    const pass = toHandler((delivery) => void arrived.push(delivery))
    for (const delivery of deliveries) {
      // What failed as a batch is run again one by one: then it is to be seen as it was written once more.
      replaceData(delivery.event, writtenData(delivery.event))
      await pass(delivery)
    }
    if (arrived.length > 0) await handler(arrived)
  }
}
