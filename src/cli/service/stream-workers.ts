import type { App, GroupDeclaration } from '../../app/app.ts'
import type { AuditTrail } from '../../core/audit.ts'
import type { Middleware } from '../../core/delivery.ts'
import { toError } from '../../core/errors.ts'
import { compose } from '../../core/pipeline.ts'
import type { Log, Service } from '../../core/service.ts'
import type { StreamLog } from '../../core/stream-log.ts'
import { jobGroup } from '../../schedule/job-group.ts'
import { Worker, type WorkerStatus } from '../../worker/worker.ts'
import type { WorkerOptions } from '../../worker/worker-options.ts'

/** The group that follows a stream which no group of the app handles, for the audit trail alone. */
export const AUDIT_GROUP = 'millrace-audit'
/** How soon a stream that was first published to elsewhere is followed here, in ms. */
const LOOK_INTERVAL_MS = 200
/** Nothing runs for these entries but the writing of their rows, which goes best in large batches. */
const AUDIT_CONCURRENCY = 500

/**
 * Runs the groups of the app, and follows every other known stream for the audit trail: those that the app declares,
 * and those that were first published to through the API or the command line.
 */
export class StreamWorkers implements Service {
  readonly #options: {
    log: StreamLog
    registered(): Promise<string[]>
    app: App
    trail: AuditTrail
    logger: Log
    middleware: readonly Middleware[]
  }
  readonly #workers: Worker[] = []
  readonly #followed = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(options: {
    log: StreamLog
    /** The streams that were first published to without being declared. */
    registered(): Promise<string[]>
    app: App
    trail: AuditTrail
    logger: Log
    /** What every delivery to a group of the app goes through first. */
    middleware: readonly Middleware[]
  }) {
    this.#options = options
  }

  get statuses(): WorkerStatus[] {
    return this.#workers.map(({ status }) => status)
  }

  async start(): Promise<void> {
    const { app, trail, middleware } = this.#options
    const wrap = compose(...middleware)
    for (const { stream, options, handler } of [...app.handlers, ...jobGroups(app)]) {
      const main = !this.#followed.has(stream)
      this.#followed.add(stream)
      await this.#run({ ...options, stream, handler: wrap(handler), audit: { trail, main } })
    }
    for (const { name } of app.streams) await this.#follow(name)
    await this.look()
    this.#timer = setInterval(() => void this.look(), LOOK_INTERVAL_MS)
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#looking
    await Promise.all(this.#workers.map((worker) => worker.stop(deadlineMs)))
  }

  /** Follows what is new; one look at a time. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look())
    return this.#looking
  }

  async #look(): Promise<void> {
    const { registered, logger } = this.#options
    const streams = await registered().catch((error: unknown) => {
      logger.debug({ error }, 'the list of streams could not be read')
      return []
    })
    for (const stream of streams) {
      // One that can't be followed, such as a key that is no stream, must not keep the others from it.
      await this.#follow(stream).catch((error: unknown) => {
        logger.debug({ stream, error }, `${stream} can't be followed yet: ${toError(error).message}`)
      })
    }
  }

  async #follow(stream: string): Promise<void> {
    if (this.#stopped || this.#followed.has(stream)) return
    const audit = { trail: this.#options.trail, main: true }
    await this.#run({ stream, group: AUDIT_GROUP, concurrency: AUDIT_CONCURRENCY, handler: () => {}, audit })
    this.#followed.add(stream)
    this.#options.logger.info({ stream }, `Following ${stream} for the audit trail`)
  }

  async #run(options: WorkerOptions): Promise<void> {
    const worker = new Worker(this.#options.log, { ...options, log: this.#options.logger })
    await worker.start()
    this.#workers.push(worker)
  }
}

/** Jobs run like the events of any group; those of one job one after the other, on whichever instance. */
function jobGroups({ jobs }: App): GroupDeclaration[] {
  const group = jobGroup(jobs)
  if (!group) return []
  return [
    { stream: group.stream.name, options: { group: group.group, order: 'key' }, handler: group.handler },
  ]
}
