import type { Await } from './instrument.ts'

/** Why the scenario does not come to some awaits. A name that ends in `.ts` stands for all of that file. */
interface Excuse {
  readonly because: string
  readonly awaits: readonly string[]
}

const POSTGRES = 'src/postgres'
const REDIS = 'src/redis'
const WORKER = 'src/worker'

/** The awaits that are not reached. Whoever adds one that nobody reaches extends the scenario, or says here why not. */
export const UNREACHED: readonly Excuse[] = [
  {
    because: 'it needs Sentinels or a cluster, and there is one server',
    awaits: [
      `${REDIS}/connections/cluster.ts`,
      `${REDIS}/connections/routed-connection.ts`,
      `${REDIS}/connections/sentinel.ts`,
      `${REDIS}/connections/servers.ts`,
      `${REDIS}/connections/socket-connection.ts asking: this.#first`,
    ],
  },
  {
    because: 'it needs a server that knows WAITAOF, and appends',
    awaits: [
      `${REDIS}/append/durable.ts ask: socket.send<[number, number]>(['WAITAOF', '1', .…`,
      `${REDIS}/append/durable.ts checkFsync: socket.send<string>(['INFO', 'persistence'])`,
      `${REDIS}/append/durable.ts checkFsync: socket.send<unknown[]>(['COMMAND', 'INFO', 'WAIT…`,
      `${REDIS}/append/durable.ts write: confirmations.checkFsync(socket)`,
    ],
  },
  {
    because: 'Redis would have to fail or refuse something, or its reply be lost',
    awaits: [
      `${REDIS}/append/appender.ts #deliver: this.#connection.whenReady(expiresAt - performan…`,
      `${REDIS}/append/appender.ts #deliverHalves: this.#deliver({ ...shipment, batch: batch.slice(…`,
      `${REDIS}/append/appender.ts #deliverHalves: this.#deliver({ ...shipment, batch: batch.slice(… (2)`,
      `${REDIS}/append/appender.ts #recover: sleep(BACK_OFF_MS)`,
      `${REDIS}/append/appender.ts #resend: this.#deliver({ ...shipment, batch: again, expir…`,
      `${REDIS}/connections/patient.ts outlast: sleep(PAUSE_MS)`,
      `${REDIS}/connections/socket-connection.ts open: this.close()`,
      `${REDIS}/connections/socket-connection.ts whenReady: new Promise<void>((resolve) => { const wake = ()…`,
      `${REDIS}/group/consumer.ts claim: this.#member.mend(error)`,
      `${REDIS}/group/group-commands.ts adopt: this.run(claims.adoptScript, part)`,
      `${REDIS}/group/group-member.ts claimAgain: this.#beat()`,
      `${REDIS}/redis-log.ts #join: reader.close()`,
      `${REDIS}/redis-log.ts open: Promise.all([...opened, servers].map((one) => on…`,
      `${WORKER}/beginner.ts begin: pause(RETRY_DELAY_MS, this.#signal)`,
      `${WORKER}/intake.ts #ask: pause(RETRY_DELAY_MS, this.#stopping)`,
      `${WORKER}/multi-stream-worker.ts #startAtLast: pause(delayMs, stopping.signal)`,
      `${WORKER}/worker.ts #backOff: this.#pause(delay * (0.75 + Math.random() / 4), …`,
      `${WORKER}/worker.ts #loop: this.#backOff(error)`,
      `${WORKER}/worker.ts #stop: within(finished, LAST_WORDS_MS)`,
    ],
  },
  {
    because: 'PostgreSQL would have to fail or refuse something',
    awaits: [
      `${POSTGRES}/audit-writer.ts #writeHalves: this.#writeSorted(rows.slice(0, middle))`,
      `${POSTGRES}/audit-writer.ts #writeHalves: this.#writeSorted(rows.slice(middle))`,
      `${POSTGRES}/audit-writer.ts #writeRefused: this.#tell([withoutPayload(row, error.message)])`,
      `${POSTGRES}/audit-writer.ts #writeSorted: (rows.length === 1 ? this.#writeRefused(rows[0]!…`,
      `${POSTGRES}/inbox.ts #run: pause(pauseAfter(failures), signal)`,
      `${POSTGRES}/notifications.ts #run: pause(backoffMs(MIN_PAUSE_MS, failures++, MAX_PA…`,
      `${POSTGRES}/outbox-relay.ts #backOff: pause(delay * (0.5 + Math.random() / 2), this.#s…`,
      `${POSTGRES}/outbox-relay.ts #run: this.#backOff(error)`,
    ],
  },
  {
    because: 'it comes round when a process has run for longer than this one does',
    awaits: [
      `${POSTGRES}/inbox-pruner.ts #pruneQuietly: this.prune(new Date(Date.now() - this.#keepMs))`,
      `${POSTGRES}/delete-old.ts`,
      `${POSTGRES}/inbox-pruner.ts #pruneQuietly: this.pruneRequests(new Date(Date.now() - REQUEST…`,
      `${POSTGRES}/notifications.ts #watch: this.#ask(client)`,
    ],
  },
  {
    because:
      'it is no way of an event: an operator, an app, a request or a job asks for it, or who wants to know whether servers are there',
    awaits: [
      'src/bus/bus.ts runJobs: this.#background.runJobs(jobs, (name, events) =>…',
      "src/bus/bus.ts runJobs: this.#run({ order: 'key', ...group, stream: grou…",
      `${POSTGRES}/app-migrations.ts`,
      `${POSTGRES}/once-per-request.ts`,
      `${POSTGRES}/table/ledger.ts`,
      `${POSTGRES}/table/table-writer.ts`,
      `${POSTGRES}/database.ts runUntil: this.connect()`,
      `${POSTGRES}/database.ts runUntil: client.query<Row>(text, values)`,
      `${WORKER}/worker-options.ts oneByOne: batchHandler([delivery])`,
      `${POSTGRES}/transactions.ts`,
      `${POSTGRES}/database.ts databaseVersion: query<{ server_version: string }>('SHOW server_v…`,
      `${POSTGRES}/database.ts ping: this.query('SELECT 1')`,
      `${POSTGRES}/outbox.ts oldestAgeMs: this.#database.query<{ age: number | null }>(OLD…`,
      `${POSTGRES}/outbox.ts discard: this.#database.query( 'DELETE FROM millrace_outb…`,
      `${REDIS}/group/settle-commands.ts #reply: call.catch((error): [string[], number] => [ this…`,
      `${REDIS}/group/consumer.ts #claim: pause(Math.min(waitMs, redeliveries.restMs), sig…`,
      `${REDIS}/redis-log.ts constructor: servers.connect(\`\${name}-reader\`)`,
      `${REDIS}/redis-log.ts ping: Promise.all(servers.map((server) => server.send(…`,
      `${REDIS}/redis-log.ts register: registerScript.run(this.#calls, [STREAM_REGISTRY…`,
    ],
  },
  {
    because: 'it takes more events than are worth their time: ten thousand in one call',
    awaits: ['src/bus/publisher.ts #appendChunks: this.#log.append(stream, entries.slice(from, fro…'],
  },
  {
    because:
      'it is reached by chance: where something is under way just when a process stops, waits or looks',
    awaits: [
      `${POSTGRES}/audit-trail.ts close: Promise.all(this.#underWay)`,
      `${REDIS}/append/appender.ts idle: new Promise<void>((resolve) => this.#idleWaiters…`,
      `${REDIS}/connections/socket-connection.ts together: this.#first`,
      `${REDIS}/group/consumer.ts #route: Promise.all(calls)`,
      `${REDIS}/group/consumer.ts #route: Promise.allSettled(calls)`,
      `${REDIS}/lease.ts ensure: this.#ask('renew')`,
      `${REDIS}/group/inlet.ts waiting: this.#member.waiting(positions.map(toInlet))`,
      `${REDIS}/group/reader.ts #unblock: sleep(WAKE_RETRY_MS)`,
      `${WORKER}/blocked-keys.ts #check: new Promise((resolve) => setImmediate(resolve))`,
      `${WORKER}/blocked-keys.ts #check: this.#consumer.waiting(overdue)`,
      `${REDIS}/group/group-member.ts waiting: this.#settling.waiting(positions).catch(unlessGo…`,
      `${REDIS}/group/settle-commands.ts waiting: this.#commands.run(scripts.waitingScript, part)`,
      `${WORKER}/processor.ts finish: new Promise<void>((resolve) => this.#emptyWaiter…`,
      `${WORKER}/processor.ts finish: turn()`,
      `${WORKER}/settler.ts idle: new Promise<void>((resolve) => this.#idleWaiters…`,
      `${WORKER}/worker.ts #start: consumer.leave()`,
    ],
  },
]

export const isExplained = ({ name }: Await): boolean =>
  UNREACHED.some(({ awaits }) => awaits.some((excused) => name === excused || name.startsWith(`${excused} `)))
