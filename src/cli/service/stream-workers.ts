import type { App, GroupDeclaration } from '../../app/app.ts'
import type { AppRuntime } from '../../core/app-context.ts'
import type { AuditTrail } from '../../core/audit.ts'
import { toError } from '../../core/errors.ts'
import { groupKey } from '../../core/names.ts'
import { pause } from '../../core/pause.ts'
import type { ConsumerDefaults } from '../../config/config.ts'
import type { Log, Service } from '../../core/service.ts'
import type { StreamLog } from '../../core/stream-log.ts'
import { jobGroup } from '../../schedule/job-group.ts'
import { Worker, type WorkerStatus } from '../../worker/worker.ts'
import type { WorkerOptions } from '../../worker/worker-options.ts'
import { wrapRun, type GroupMiddleware } from './app-groups.ts'
import { withDefaults } from './complete-app.ts'
import { outlast } from './outlast.ts'
import { readingDefaults } from './reading-defaults.ts'
import type { StreamPolicy } from './stream-policy.ts'

/** The group that follows a stream which no group of the app handles, for the audit trail alone. */
export const AUDIT_GROUP = 'millrace-audit'
/** How soon a stream that was first published to elsewhere is followed here, in ms. */
const LOOK_INTERVAL_MS = 200
/** Nothing runs for these entries but the writing of their rows, which goes best in large batches. */
const AUDIT_CONCURRENCY = 500

/** How long what runs on a stream may go on after that was removed, in ms. */
const LEAVE_DEADLINE_MS = 30_000

interface Member {
  readonly stream: string
  readonly group: string
  readonly worker: Worker
  /** The concurrency that it was made with. */
  readonly standard: number
}

export interface StreamWorkersOptions {
  log: StreamLog
  /** The streams that were first published to without being declared. */
  registered(): Promise<string[]>
  app: App
  trail: AuditTrail
  logger: Log
  /** The name of all consumers of this process. */
  consumer: string
  /** Ends a start that waits for a server. */
  stopping: AbortSignal
  /** For consumers that the app does not declare; its groups have theirs by now. */
  consumers: ConsumerDefaults
  /** Which streams run, and with how many handlers; it is asked again with every look. */
  policy: StreamPolicy
  /** What every delivery to a group of the app goes through first. */
  middleware: GroupMiddleware
  /** What the groups of the app are bound to. */
  runtime: AppRuntime
}

/**
 * Runs the groups of the app, and follows every other known stream for the audit trail: those that the app declares,
 * and those that were first published to through the API or the command line.
 */
export class StreamWorkers implements Service {
  readonly #options: StreamWorkersOptions
  readonly #groups: readonly WorkerOptions[]
  readonly #handled: ReadonlySet<string>
  /** By stream and group. */
  readonly #members = new Map<string, Member>()
  /** What stops: it starts again no sooner than that is over, since its consumer has the same name. */
  readonly #leaving = new Map<string, Promise<void>>()
  /** Streams that are followed since an operator wants it, and for no other reason. */
  readonly #wished = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(options: StreamWorkersOptions) {
    this.#options = options
    this.#groups = runnableGroups(options)
    this.#handled = new Set(this.#groups.map(({ stream }) => stream))
  }

  get workers(): readonly Worker[] {
    return [...this.#members.values()].map(({ worker }) => worker)
  }

  get statuses(): WorkerStatus[] {
    return this.workers.map(({ status }) => status)
  }

  /** Redis is back: pauses after faults end. */
  tryAgain(): void {
    for (const worker of this.workers) worker.tryAgain()
  }

  /** An outage meanwhile is waited out. */
  async start(): Promise<void> {
    for (const group of this.#groups) await this.#outlast(() => this.#run(group))
    for (const { name } of this.#options.app.streams) await this.#outlast(() => this.#follow(name))
    this.#timer = setInterval(() => void this.look(), LOOK_INTERVAL_MS)
    await this.look()
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    const stopAll = () => Promise.all(this.workers.map((worker) => worker.stop(deadlineMs)))
    const looked = new AbortController()
    const looking = this.#looking.then(() => looked.abort())
    // A look can wait for Redis for longer than there is time; a worker that it brings then is stopped by itself.
    const patience = pause(deadlineMs, looked.signal)
    await Promise.all([stopAll(), ...this.#leaving.values(), Promise.race([looking, patience])])
    await stopAll()
  }

  /** Follows what is new, and does what the policy says by now; one look at a time. */
  look(): Promise<void> {
    // What starts is not there yet, and would be started twice.
    if (this.#timer) this.#looking = this.#looking.then(() => this.#look())
    return this.#looking
  }

  async #look(): Promise<void> {
    const { registered, app, policy, logger } = this.#options
    for (const member of this.#members.values()) this.#obey(member)
    const known = await registered().catch((error: unknown) => {
      logger.debug({ error }, 'the list of streams could not be read')
      return []
    })
    const streams = new Set([...app.streams.map(({ name }) => name), ...known])
    for (const stream of streams) this.#wished.delete(stream)
    for (const group of this.#groups) await this.#attempt(group.stream, () => this.#run(group))
    for (const stream of streams) await this.#attempt(stream, () => this.#follow(stream))
    for (const stream of policy.followed) {
      if (!streams.has(stream)) this.#wished.add(stream)
      await this.#attempt(stream, () => this.#follow(stream))
    }
  }

  /** One that can't be followed, such as a key that is no stream, must not keep the others from it. */
  async #attempt(stream: string, start: () => Promise<unknown>): Promise<void> {
    await start().catch((error: unknown) => {
      this.#options.logger.debug(
        { stream, error },
        `${stream} can't be followed yet: ${toError(error).message}`,
      )
    })
  }

  async #follow(stream: string): Promise<void> {
    if (this.#handled.has(stream)) return
    const audit = { trail: this.#options.trail, main: true }
    const reading = readingDefaults(this.#options.consumers)
    const own = { stream, group: AUDIT_GROUP, concurrency: AUDIT_CONCURRENCY, handler: () => {}, audit }
    const isNew = await this.#run({ ...reading, ...own })
    if (isNew) this.#options.logger.info({ stream }, `Following ${stream} for the audit trail`)
  }

  /** Does what the policy says about what runs. */
  #obey(member: Member): void {
    const { stream, group, worker, standard } = member
    const { policy } = this.#options
    const state = policy.stateOf(stream)
    if (state === 'removed' || (this.#wished.has(stream) && state === undefined))
      return this.#leave(stream, group, worker)
    this.#pause(member, state === 'paused')
    const concurrency = policy.concurrencyOf(stream, group, standard)
    if (concurrency !== worker.concurrency) worker.concurrency = concurrency
    const batchSize = policy.batchSizeOf(stream, group)
    if (batchSize !== worker.batchSize) worker.batchSize = batchSize
  }

  #pause({ stream, group, worker }: Member, wanted: boolean): void {
    if (worker.status.paused === wanted) return
    if (wanted) worker.pause()
    else worker.resume()
    this.#options.logger.info({ stream, group }, `${group} ${wanted ? 'pauses' : 'goes on'} on ${stream}`)
  }

  #leave(stream: string, group: string, worker: Worker): void {
    const key = groupKey(stream, group)
    this.#members.delete(key)
    this.#wished.delete(stream)
    this.#options.logger.info({ stream, group }, `${group} leaves ${stream}`)
    const left = worker.stop(LEAVE_DEADLINE_MS).finally(() => this.#leaving.delete(key))
    this.#leaving.set(key, left)
  }

  #outlast(step: () => Promise<unknown>): Promise<unknown> {
    const { logger, stopping } = this.#options
    return outlast(step, logger, stopping)
  }

  /** Whether it was started: it may run, or not be wanted. */
  async #run(options: WorkerOptions): Promise<boolean> {
    const { log, logger, consumer, policy } = this.#options
    const { stream, group } = options
    const key = groupKey(stream, group)
    if (this.#stopped || this.#members.has(key) || this.#leaving.has(key)) return false
    if (policy.stateOf(stream) === 'removed') return false
    const worker = new Worker(log, { ...options, consumer, log: logger })
    const member = { stream, group, worker, standard: worker.concurrency }
    this.#obey(member)
    await worker.start()
    if (this.#stopped) await worker.stop(0)
    this.#members.set(key, member)
    return true
  }
}

/** The groups of the app and its jobs, as workers take them. The first one of a stream is its main one. */
function runnableGroups({
  app,
  runtime,
  consumers,
  trail,
  middleware,
}: StreamWorkersOptions): WorkerOptions[] {
  const seen = new Set<string>()
  return [...app.handlers, ...jobGroups(app, consumers)].map(({ stream, options, bind }) => {
    const main = !seen.has(stream)
    seen.add(stream)
    return { ...options, stream, ...wrapRun(middleware, bind(runtime)), audit: { trail, main } }
  })
}

/** Jobs run like the events of any group; those of one job one after the other, on whichever instance. */
function jobGroups({ jobs }: App, consumers: ConsumerDefaults): GroupDeclaration[] {
  const group = jobGroup(jobs)
  if (!group) return []
  const options = { group: group.group, order: 'key' as const }
  const { handler } = group
  return [withDefaults({ stream: group.stream.name, options, bind: () => ({ handler }) }, consumers)]
}
