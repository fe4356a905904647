// A process that consumes all lanes, relays the outbox and applies retention, until it is told to end by SIGTERM.
import { connect } from '../src/bus/connect.ts'
import { decrypt } from '../src/middleware/decrypt.ts'
import { openPostgres } from '../src/postgres/open-postgres.ts'
import { insist } from './insist.ts'
import { ATTEMPTS, DEAD_AFTER_MS, LANE_NAMES, LANES, LATE_GROUP, MAX_HELD, type LaneName } from './load.ts'
import { processContext } from './process-context.ts'
import { ENCRYPTED_LANE, declarationOf, ringOf } from './streams.ts'
import { handlers } from './worker/handlers.ts'
import { recordingLog } from './worker/recording-log.ts'

const CONCURRENCY = 20
const STOP_MS = 5_000
/** How long what all groups are done with is kept: the checker finds there what it looks for after a fault. */
const KEEP_MS = 60_000

const { options, evidence, logger, ready, onMessage, ended } = processContext()
const { name, canaries } = options
let stopping = false
// Asked to end before anything runs, it has nothing to end.
const early = () => process.exit(0)
process.once('SIGTERM', early)
const bus = await insist(() =>
  connect({ ...options.redis, log: logger.for('redis'), clientName: `millrace-${name}` }),
)
const postgres = await insist(() => openPostgres({ url: options.databaseUrl, log: logger.for('postgres') }))
const relay = postgres.relay(recordingLog(bus.log, 'outbox', evidence))
await relay.start()

for (const lane of LANE_NAMES) {
  const { stream, groups } = LANES[lane]
  bus.retain({
    stream,
    policy: { processed: { keepMs: KEEP_MS } },
    groups: groups.map((group) => ({ name: group })),
  })
}

const handlerOf = handlers(name, evidence, postgres.inbox)
const middleware = [decrypt(ringOf(canaries))]

const consume = async (lane: LaneName, group: string): Promise<void> => {
  const handler = handlerOf(lane, group)
  await insist(
    () =>
      bus.consume(
        declarationOf(lane),
        {
          group,
          concurrency: CONCURRENCY,
          maxHeld: MAX_HELD,
          deadAfterMs: DEAD_AFTER_MS,
          order: lane === 'ordered' ? 'key' : 'process',
          retry: { attempts: ATTEMPTS, delayMs: 200, factor: 1.5 },
          ...(lane === ENCRYPTED_LANE && { middleware }),
        },
        { event: handler },
      ),
    () => stopping,
  )
}

const consuming = LANE_NAMES.flatMap((lane) =>
  LANES[lane].groups
    .filter((group) => group !== LATE_GROUP || options.late)
    .map((group) => consume(lane, group)),
)

void Promise.all(consuming).then(ready)

onMessage((message) => {
  if (message.tell === 'late' && !options.late) {
    options.late = true
    consuming.push(consume('late', LATE_GROUP))
  }
  // Deaf and mute, as by a handler that computes.
  if (message.tell === 'block') for (const end = performance.now() + message.forMs; performance.now() < end;);
})

process.off('SIGTERM', early)
process.once('SIGTERM', async () => {
  stopping = true
  await Promise.allSettled(consuming)
  await relay.stop(STOP_MS)
  await bus.close(STOP_MS)
  await postgres.close()
  ended()
})
