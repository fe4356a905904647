// A process that publishes to all lanes until it is told to stop. It writes what it is about to publish, and what
// became of it, to the evidence.
import { connect } from '../src/bus/connect.ts'
import { encrypt } from '../src/middleware/encrypt.ts'
import { openPostgres } from '../src/postgres/open-postgres.ts'
import { insist } from './insist.ts'
import { LANE_NAMES, LANES, keyOf, type LaneName } from './load.ts'
import { OutboxLane } from './publisher/outbox-lane.ts'
import { StreamLane } from './publisher/stream-lane.ts'
import { processContext } from './process-context.ts'
import { ENCRYPTED_LANE, ringOf } from './streams.ts'

const TICK_MS = 50
/** Beyond so many that are not answered, a lane waits: the machine is slow, or Redis is away. */
const MAX_UNANSWERED = 2_000

const { options, evidence, logger, ready, onMessage, ended } = processContext()
const { name, canaries, rate } = options
const seal = encrypt(ringOf(canaries))
const bus = await insist(() =>
  connect({
    ...options.redis,
    log: logger.for('redis'),
    clientName: `millrace-${name}`,
    middleware: [
      (event, context) => (context.stream === LANES[ENCRYPTED_LANE].stream ? seal(event, context) : event),
    ],
  }),
)
const postgres = await insist(() =>
  openPostgres({ url: options.databaseUrl, log: logger.for('postgres'), maxConnections: 4 }),
)

const context = { name, evidence, secret: canaries.payload, replicated: options.replicated }
const lanes = Object.fromEntries(
  LANE_NAMES.map((lane) => [
    lane,
    lane === 'outbox'
      ? new OutboxLane(options.databaseUrl, postgres.outbox, context)
      : new StreamLane(lane, bus, context),
  ]),
) as Record<LaneName, OutboxLane | StreamLane>

const owed = new Map<LaneName, number>()
const serials = new Map<LaneName, number>()
const tick = setInterval(() => {
  for (const lane of LANE_NAMES) {
    const count = (owed.get(lane) ?? 0) + LANES[lane].share * rate * (TICK_MS / 1_000)
    const whole = lanes[lane].unanswered > MAX_UNANSWERED ? 0 : Math.floor(count)
    owed.set(lane, Math.min(count - whole, rate))
    const first = serials.get(lane) ?? 0
    serials.set(lane, first + whole)
    if (whole > 0) lanes[lane].publish(numbered(lane, first, whole))
  }
}, TICK_MS)

const numbered = (lane: LaneName, first: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({
    id: `${name}-${lane}-${first + n}`,
    key: keyOf(lane, name, first + n),
  }))

ready()

onMessage(async ({ tell }) => {
  if (tell !== 'stop') return
  clearInterval(tick)
  for (const lane of Object.values(lanes)) await lane.close()
  await bus.close()
  await postgres.close()
  ended()
})
