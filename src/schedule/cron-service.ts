import { MillraceError, toError } from '../core/errors.ts'
import { pause } from '../core/pause.ts'
import type { TickMemory } from '../core/schedule.ts'
import { noLog, type Log, type Service } from '../core/service.ts'
import type { NewEvent } from '../core/event.ts'
import { refuseTwice } from './unique-names.ts'
import { systemClock, type Clock } from './clock.ts'
import { dueTicks } from './due-ticks.ts'
import { planned, type JobDeclaration, type JobPlan } from './job.ts'
import { streamOf, tickEvent } from './tick-event.ts'

/** Publishes events to a stream by its name: a position for each, or why it was not written, as `StreamLog.append`. */
export type PublishTicks = (
  stream: string,
  events: readonly NewEvent[],
) => Promise<readonly (string | MillraceError)[]>

export interface CronServiceOptions {
  log?: Log
  /** By which ticks come (the system's). */
  clock?: Clock
}

export interface CronStatus {
  /** Ticks that were published, by this instance or before it by another. */
  published: number
  /** When the loop last came round, by its clock. */
  lastLoopAt: number
}

/** Longest sleep: clocks are set, and machines sleep. */
const MAX_SLEEP_MS = 1_000
const FAULT_PAUSE_MS = 500
/** Ticks are remembered that often at most; what was published since is known by its idempotency key. */
const REMEMBER_MS = 1_000

/** A job, up to when its ticks are done, and when the next one comes. */
interface Course {
  job: JobDeclaration
  since: number
  nextAt: number
}

/**
 * Publishes the ticks of jobs. Every instance publishes every tick, each by its own clock, with an idempotency key made
 * of job and tick; so one entry is written, as early as the fastest clock has it. Clocks may differ by as much as the
 * log remembers a key (10 minutes) less the job's `graceMs`, and no tick is doubled or lost by it. A process that is
 * halted for longer, between the decision to publish and the publishing, may double one.
 *
 * Ticks of the time in which no instance ran are published late up to `graceMs`, then the job's `catchUp` says; for
 * that the last tick is remembered durably. A job that was never scheduled before has missed nothing.
 *
 * @example
 * const cron = new CronService([report], (stream, events) => bus.publishUntyped(stream, events), schedule)
 * await cron.start()
 */
export class CronService implements Service {
  readonly #jobs: readonly JobDeclaration[]
  readonly #publishTicks: PublishTicks
  readonly #memory: TickMemory
  readonly #log: Log
  readonly #clock: Clock
  readonly #stopping = new AbortController()
  #started: Promise<void> | undefined
  readonly #plans = new Map<string, JobPlan>()
  #courses: Course[] = []
  #loop: Promise<void> = Promise.resolve()
  readonly #toRemember = new Map<string, number>()
  #rememberedAt = -Infinity
  #published = 0
  #lastLoopAt = 0

  /** @throws MillraceError `CONFIGURATION_INVALID` when two jobs have one name */
  constructor(
    jobs: readonly JobDeclaration[],
    publish: PublishTicks,
    memory: TickMemory,
    options: CronServiceOptions = {},
  ) {
    refuseTwice(jobs)
    this.#jobs = jobs
    this.#publishTicks = publish
    this.#memory = memory
    this.#log = options.log ?? noLog
    this.#clock = options.clock ?? systemClock
  }

  get status(): CronStatus {
    return { published: this.#published, lastLoopAt: this.#lastLoopAt }
  }

  /**
   * Jobs run by these plans from now on, by their names, and all others as they are declared. A job whose plan changes
   * has missed nothing; while it is off its ticks do not exist. A plan that is impossible is told, and not followed.
   */
  replan(plans: Readonly<Record<string, JobPlan>>): void {
    for (const declared of this.#jobs) {
      const plan = Object.hasOwn(plans, declared.name) ? plans[declared.name]! : {}
      if (isSame(plan, this.#plans.get(declared.name) ?? {})) continue
      this.#plans.set(declared.name, plan)
      const course = this.#courses.find(({ job }) => job.name === declared.name)
      if (course) this.#replanOne(course, declared)
    }
  }

  #replanOne(course: Course, declared: JobDeclaration): void {
    const now = this.#clock.now()
    Object.assign(course, courseOf(this.#planned(declared), now))
    // After a restart as well, none of the ticks before this moment is made up for.
    this.#toRemember.set(declared.name, now)
  }

  #planned(declared: JobDeclaration): JobDeclaration {
    try {
      return planned(declared, this.#plans.get(declared.name) ?? {})
    } catch (error) {
      const { name } = declared
      this.#log.error({ error, job: name }, `the job "${name}" runs as declared: ${toError(error).message}`)
      return declared
    }
  }

  /** Idempotent. */
  start(): Promise<void> {
    return (this.#started ??= this.#start())
  }

  async #start(): Promise<void> {
    const names = this.#jobs.map(({ name }) => name)
    const remembered = await this.#memory.recall(names)
    const now = this.#clock.now()
    this.#courses = this.#jobs.map((job, at) =>
      courseOf(this.#planned(job), Math.min(remembered[at] ?? now, now)),
    )
    const unknown = names.filter((_, at) => remembered[at] === undefined)
    await this.#memory.remember(new Map(unknown.map((name) => [name, now])))
    this.#loop = this.#run()
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort()
    await this.#started?.catch(() => {})
    const done = new AbortController()
    await Promise.race([this.#loop.then(() => done.abort()), pause(deadlineMs, done.signal)])
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#lastLoopAt = this.#clock.now()
      const fine = await this.#publishDue()
      await this.#remember()
      await this.#clock.wait(fine ? this.#untilNext() : FAULT_PAUSE_MS, signal)
    }
    this.#rememberedAt = -Infinity
    await this.#remember()
  }

  #untilNext(): number {
    let until = this.#clock.now() + MAX_SLEEP_MS
    for (const { nextAt } of this.#courses) until = Math.min(until, nextAt)
    return Math.max(until - this.#clock.now(), 0)
  }

  /** Whether all went well; a job whose ticks could not be published is tried again. */
  async #publishDue(): Promise<boolean> {
    const now = this.#clock.now()
    const results = await Promise.all(this.#courses.map((course) => this.#advance(course, now)))
    return results.every(Boolean)
  }

  async #advance(course: Course, now: number): Promise<boolean> {
    const { job } = course
    // A clock that was far ahead and is right again: what it counted as done may be still to come.
    if (course.since > now + job.graceMs) Object.assign(course, courseOf(job, now))
    if (course.nextAt > now) return true
    const { ticks, missed } = dueTicks(job, course.since, now)
    if (ticks.length > 0 && !(await this.#publish(job, ticks))) return false
    if (missed !== undefined) {
      const fields = { job: job.name, missed: new Date(missed).toISOString(), catchUp: job.catchUp }
      // Where nothing is made up for, that is what was asked for.
      const level = job.catchUp === 'skip' ? 'info' : 'warn'
      this.#log[level](fields, `the job "${job.name}" has missed ticks since ${fields.missed}`)
    }
    const last = ticks.at(-1)
    // It may run by another plan by now.
    if (course.job !== job) return true
    if (last !== undefined) this.#toRemember.set(job.name, last)
    Object.assign(course, courseOf(job, now))
    return true
  }

  async #publish(job: JobDeclaration, ticks: readonly number[]): Promise<boolean> {
    const ends = await Promise.all(ticks.map((tick) => this.#publishOne(job, tick)))
    const fault = ends.find((end) => end !== undefined)
    if (fault === undefined) return true
    const line = `the job "${job.name}" can't be scheduled at the moment: ${fault.message}`
    this.#log.error({ error: fault, job: job.name }, line)
    return false
  }

  /**
   * Why it could not be published, where trying again may help. A tick whose event can't be made is left out, loudly:
   * trying again would make no other.
   */
  async #publishOne(job: JobDeclaration, tick: number): Promise<Error | undefined> {
    let event: NewEvent
    try {
      event = tickEvent(job, tick)
    } catch (error) {
      return this.#leaveOut(job, error)
    }
    const [result] = await this.#publishTicks(streamOf(job), [event]).catch((error: unknown) => [
      toError(error),
    ])
    if (typeof result === 'string' || isPublished(result)) return void this.#published++
    return isImpossible(result) ? this.#leaveOut(job, result) : toError(result)
  }

  #leaveOut(job: JobDeclaration, thrown: unknown): undefined {
    const { message } = toError(thrown)
    this.#log.error({ error: thrown, job: job.name }, `the job "${job.name}" makes no event: ${message}`)
  }

  /** What is not remembered now is remembered with the next tick. */
  async #remember(): Promise<void> {
    const now = this.#clock.now()
    if (this.#toRemember.size === 0 || Math.abs(now - this.#rememberedAt) < REMEMBER_MS) return
    this.#rememberedAt = now
    const ticks = new Map(this.#toRemember)
    this.#toRemember.clear()
    try {
      await this.#memory.remember(ticks)
    } catch (error) {
      for (const [job, tick] of ticks) if (!this.#toRemember.has(job)) this.#toRemember.set(job, tick)
      this.#log.warn({ error }, `the last ticks of jobs could not be remembered: ${toError(error).message}`)
    }
  }
}

const isSame = (one: JobPlan, other: JobPlan): boolean =>
  one.cron === other.cron && (one.enabled ?? true) === (other.enabled ?? true)

const courseOf = (job: JobDeclaration, since: number): Course => ({
  job,
  since,
  nextAt: job.timetable.next(since) ?? Infinity,
})

/** Under the same key with other data: by an instance of another version, say. The tick is there. */
/** The event itself is at fault. */
const isImpossible = (error: unknown): boolean =>
  error instanceof MillraceError && error.code.startsWith('EVENT_')

const isPublished = (error: unknown): boolean =>
  error instanceof MillraceError && error.code === 'IDEMPOTENCY_CONFLICT'
