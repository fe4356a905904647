import type { Handler } from '../core/delivery.ts'
import { positionTime } from '../core/position.ts'
import type { Tick } from './job.ts'

/**
 * Leaves out a tick that was published while the one before it ran. The ticks of a job come one after the other, so
 * the end of a run is known when the next begins. The server's clock, by which ticks were published, is read off the
 * quickest delivery so far; slower ones make it seem behind, which errs on the side of running.
 */
export function skipOverlap(handler: Handler<Tick>): Handler<Tick> {
  let aheadMs = Infinity
  let endedAt = -Infinity
  return async (delivery) => {
    const publishedAt = positionTime(delivery.position)
    aheadMs = Math.min(aheadMs, Date.now() - publishedAt)
    if (delivery.attempt === 1 && publishedAt < endedAt - aheadMs) return
    try {
      await handler(delivery)
    } finally {
      endedAt = Date.now()
    }
  }
}
