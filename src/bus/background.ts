import type { Jobs, JobWork } from '../core/jobs.ts'
import type { Operations } from '../core/operations.ts'
import { resolveRetention, type RetentionDeclaration } from '../core/retention-policy.ts'
import { toError } from '../core/errors.ts'
import { pause } from '../core/pause.ts'
import type { Log, Service } from '../core/service.ts'
import { JobService } from '../jobs/job-service.ts'
import { operationWorks } from '../jobs/kinds/kinds.ts'
import { RetentionService } from '../retention/retention-service.ts'
import { CronService, type PublishTicks } from '../schedule/cron-service.ts'
import type { JobDeclaration, JobPlan } from '../schedule/job.ts'
import { ScheduleMover } from '../schedule/schedule-mover.ts'

/** Pause before a service is started again that could not be, in ms. */
const START_AGAIN_MS = 1_000

/** By the names of jobs. */
export type JobPlans = Readonly<Record<string, JobPlan>>

/** A loop in the background, and when it last came round, in ms since 1970. */
export interface BackgroundLoop {
  readonly name: string
  readonly lastLoopAt: number
}

/** What runs beside publishing and consuming while a bus is open; each part from when it is first needed. */
export class Background {
  readonly #operations: Operations
  readonly #log: Log
  readonly #works: () => readonly JobWork[]
  readonly #services = new Set<Service>()
  readonly #closing = new AbortController()
  #starting: Promise<void> = Promise.resolve()
  #moves = false
  #mover: ScheduleMover | undefined
  #movesSince = 0
  #retention: RetentionService | undefined
  #cron: CronService | undefined
  #jobs: JobService | undefined

  /** @param works what jobs can do beside what needs operations alone */
  constructor(operations: Operations, log: Log, works: () => readonly JobWork[] = () => []) {
    this.#operations = operations
    this.#log = log
    this.#works = works
  }

  /** Long work of operators. From the first call on this process runs it as well. */
  get jobs(): Jobs {
    if (!this.#jobs) {
      const works = [...operationWorks(this.#operations), ...this.#works()]
      this.#jobs = new JobService(this.#operations.jobStore, works, { log: this.#log })
      this.#services.add(this.#jobs.runner)
      if (!this.#closing.signal.aborted) void this.#jobs.runner.start()
    }
    return this.#jobs
  }

  /** What is scheduled enters its stream while any process moves it: every bus that schedules or consumes does. */
  moveScheduled(): void {
    if (this.#moves) return
    this.#moves = true
    this.#movesSince = Date.now()
    this.#starting = this.#startMover()
  }

  retain(declaration: RetentionDeclaration): void {
    const target = resolveRetention(declaration)
    if (!this.#retention) {
      this.#retention = new RetentionService(this.#operations.retention, { log: this.#log })
      this.#services.add(this.#retention)
      void this.#retention.start()
    }
    this.#retention.add(target)
  }

  /**
   * @param publish as the bus does, with its checks and its middleware
   * @param plans of the jobs that do not run as they are declared
   */
  async runJobs(jobs: readonly JobDeclaration[], publish: PublishTicks, plans: JobPlans = {}): Promise<void> {
    const cron = new CronService(jobs, publish, this.#operations.schedule, { log: this.#log })
    cron.replan(plans)
    await cron.start()
    if (this.#closing.signal.aborted) return cron.stop(0)
    this.#services.add(cron)
    this.#cron = cron
  }

  /** From now on, once they run; see {@link CronService.replan}. */
  replanJobs(plans: JobPlans): void {
    this.#cron?.replan(plans)
  }

  /** What runs by now, and what should. */
  get loops(): BackgroundLoop[] {
    const loops: BackgroundLoop[] = []
    const add = (name: string, lastLoopAt: number) => loops.push({ name, lastLoopAt })
    if (this.#moves) add('schedule', this.#mover?.status.lastLoopAt ?? this.#movesSince)
    if (this.#retention) add('retention', this.#retention.lastLoopAt)
    if (this.#cron) add('jobs', this.#cron.status.lastLoopAt)
    if (this.#jobs) add('operator-jobs', this.#jobs.runner.lastLoopAt)
    return loops
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closing.abort()
    await this.#starting
    await Promise.all([...this.#services].map((service) => service.stop(deadlineMs)))
  }

  /** Whoever needs it does not wait for it, so it is tried until it runs. */
  async #startMover(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const mover = new ScheduleMover(this.#operations.schedule, this.#log)
      try {
        await mover.start()
        this.#services.add(mover)
        this.#mover = mover
        return
      } catch (thrown) {
        const error = toError(thrown)
        this.#log.warn({ error }, `scheduled events are not moved yet, trying on: ${error.message}`)
        await pause(START_AGAIN_MS, this.#closing.signal)
      }
    }
  }
}
