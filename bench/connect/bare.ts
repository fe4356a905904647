import type { Contender } from '../contender.ts'
import { orders } from '../payload.ts'
import { outgoing, type Outgoing, type Target } from './target.ts'

const BATCH = 500

/** Writes batches of events that it has already, one after the other: no stream, no group, no acknowledgement. */
export function bare(target: Target): Contender {
  let batches: Outgoing[][] = []
  return {
    async prepare({ name, count }) {
      const some = orders(BATCH)
      batches = Array.from({ length: count / BATCH }, (_, batch) =>
        some.map((order, index) => outgoing(name, `1769594400000-${batch * BATCH + index}`, order)),
      )
    },
    async run(round) {
      for (const batch of batches) await target.write(round, batch)
    },
    async finish(round) {
      const held = await target.take(round)
      if (held !== round.count) throw new Error(`the bare loop wrote ${held} of ${round.count} events`)
    },
  }
}
