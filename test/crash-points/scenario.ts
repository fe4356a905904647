import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../../src/bus/connect.ts'
import { Publisher } from '../../src/bus/publisher.ts'
import type { PrepareEvents } from '../../src/core/outbox.ts'
import type { PublishMiddleware } from '../../src/core/pipeline.ts'
import { Database } from '../../src/postgres/database.ts'
import { openPostgres } from '../../src/postgres/open-postgres.ts'
import { Outbox } from '../../src/postgres/outbox.ts'
import { Consuming } from './consuming.ts'
import { Journal, readJournal } from './journal.ts'
import { streamsOf } from './plan.ts'
import { whatIsLeft } from './progress.ts'
import { Publishing } from './publishing.ts'
import type { Servers } from './surroundings.ts'

export interface Run {
  /** Names the streams; nothing else on the servers has it. */
  readonly run: string
  readonly redisUrl: string
  /** Of a database for this run alone. */
  readonly postgresUrl: string
  readonly journal: string
}

const PATIENCE_MS = 20_000
const STOP_MS = 5_000
const LOOK_MS = 50

/**
 * Publishes what is planned and not known to be published, consumes until nothing is left, and stops. Run again after
 * it was killed it does the rest. Answers what was left to do when its patience ended.
 */
export async function scenario(options: Run, servers: Servers): Promise<string[]> {
  const { run, redisUrl, postgresUrl } = options
  const bus = await connect({ url: redisUrl, clientName: run })
  const publisher = new Publisher(bus.log, { middleware: [seal] })
  const prepare: PrepareEvents = (stream, events) => publisher.prepare(stream, events)
  const postgres = await openPostgres({ url: postgresUrl, maxConnections: 6, prepare })
  const before = readJournal(options.journal)
  const journal = new Journal(options.journal)
  const around = { run, streams: streamsOf(run), servers, bus, postgres, journal }
  const consuming = new Consuming(around)
  // It asks nothing of its database, so none is opened.
  const publishing = new Publishing(around, new Outbox(new Database({ url: postgresUrl })), before)
  await postgres.relay(bus.log, { pollMs: 200, maxAttempts: 2, retryDelayMs: 10 }).start()
  const guest = await consuming.invite()
  await consuming.start()
  await Promise.all([publishing.publish(), publishing.addNotes(), guest()])
  const early = await drained(run, servers)
  await publishing.goOn()
  const late = await drained(run, servers)
  await consuming.leave()
  await postgres.close()
  await Promise.all([publishing.sayFarewell(), bus.close(STOP_MS)])
  return [...early, ...late]
}

/** As encryption would, without any. */
const seal: PublishMiddleware = (event, context) => context.seal(event, async (checked) => checked)

/** Waits until nothing is left to do; answers what is, when its patience ends. */
async function drained(run: string, { send, ask }: Servers): Promise<string[]> {
  const end = performance.now() + PATIENCE_MS
  for (;;) {
    const left = await whatIsLeft(run, send, ask)
    if (left.length === 0 || performance.now() > end) return left
    await sleep(LOOK_MS)
  }
}
