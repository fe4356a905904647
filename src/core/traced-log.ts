import type { Consumer, StreamLog } from './stream-log.ts'
import type { Tracing } from './tracing.ts'
import { wrapLog } from './wrap-log.ts'

/** The same log, with spans of what its consumers receive and settle; what is written to it has its spans elsewhere. */
export const tracedLog = (log: StreamLog, tracing: Tracing): StreamLog =>
  wrapLog(log, {
    join: async (membership) => tracedConsumer(await log.join(membership), membership, tracing),
  })

const tracedConsumer = (
  consumer: Consumer,
  { stream, group }: { stream: string; group: string },
  tracing: Tracing,
): Consumer => ({
  get mayRun() {
    return consumer.mayRun
  },
  claim: (limit, waitMs, signal) =>
    tracing.receive(stream, group, () => consumer.claim(limit, waitMs, signal)),
  settle: (outcomes) => tracing.settle(stream, group, outcomes, () => consumer.settle(outcomes)),
  begin: (claims) => consumer.begin(claims),
  expedite: (positions) => consumer.expedite(positions),
  waiting: (positions) => consumer.waiting(positions),
  reserve: (reservations, ttlMs) => consumer.reserve(reservations, ttlMs),
  checkProduced: (produced) => consumer.checkProduced(produced),
  heartbeat: () => consumer.heartbeat(),
  leave: () => consumer.leave(),
})
