import type { Delivery, Middleware } from '../core/delivery.ts'
import type { HandlerTimer, HandlerTimes } from '../core/metric.ts'
import { positionTime } from '../core/position.ts'

export interface MetricsOptions {
  /** Where the times go, such as `new HandlerHistograms()`. */
  times: HandlerTimes
}

/**
 * Measures how long handlers run, and how long their events waited before: from the time at which the log took an
 * entry, a copy its own, to its first start. Later starts wait as long as they are told to, which is no delay.
 *
 * Put it first, so that it measures all of it. It costs about half a microsecond a delivery.
 *
 * @example
 * const times = new HandlerHistograms()
 * const worker = await bus.consume(users, { group: 'mailer', middleware: [metrics({ times })] }, handlers)
 */
export function metrics({ times }: MetricsOptions): Middleware {
  return (next) => {
    const timerOf = latest(times)
    return (delivery) => {
      const timer = timerOf(delivery)
      // By the server's clock and ours, which need not agree to the millisecond.
      if (delivery.attempt === 1)
        timer.waited(Math.max(0, Date.now() - positionTime(delivery.entry.position)))
      const since = performance.now()
      let work: Promise<void> | void
      try {
        work = next(delivery)
      } catch (thrown) {
        timer.ran(performance.now() - since)
        throw thrown
      }
      // What did nothing asynchronous stays so.
      if (work) return finished(work, timer, since)
      timer.ran(performance.now() - since)
    }
  }
}

async function finished(work: Promise<void>, timer: HandlerTimer, since: number): Promise<void> {
  try {
    await work
  } finally {
    timer.ran(performance.now() - since)
  }
}

/** A handler nearly always gets the deliveries of one group, so the last one is asked for once. */
function latest(times: HandlerTimes): (delivery: Delivery) => HandlerTimer {
  let known: { stream: string; group: string; timer: HandlerTimer } | undefined
  return ({ stream, group }) => {
    if (known?.stream !== stream || known.group !== group)
      known = { stream, group, timer: times.of(stream, group) }
    return known.timer
  }
}
