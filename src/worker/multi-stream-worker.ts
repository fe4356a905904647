import { InvalidError, MillraceError, toError } from '../core/errors.ts'
import { groupKey } from '../core/names.ts'
import { pause } from '../core/pause.ts'
import { noLog, type Log, type Service } from '../core/service.ts'
import type { StreamLog } from '../core/stream-log.ts'
import { HandlerPool } from './handler-pool.ts'
import { requireCount } from './require-count.ts'
import { Worker, type WorkerStatus } from './worker.ts'
import type { WorkerOptions } from './worker-options.ts'

export interface MultiStreamOptions {
  /** Handlers that run at once, of all streams together (10). */
  concurrency?: number
  log?: Log
}

/** A stream among many: the concurrency is that of all of them. */
export interface MemberOptions extends Omit<WorkerOptions, 'concurrency'> {
  /**
   * Its share while there is more to do than the handlers can, 1 to 1000 (1): one of priority 10 gets ten turns where one
   * of priority 1 gets one. A low one is slower, and never starves.
   */
  priority?: number
}

export interface MemberStatus extends WorkerStatus {
  /** Why it does not run yet; it is tried again. */
  error: Error | undefined
}

interface Member {
  readonly stream: string
  readonly group: string
  readonly worker: Worker
  readonly stopping: AbortController
  /** Ends when the worker runs, or is not wanted any more. */
  starting: Promise<void> | undefined
  error: Error | undefined
}

const MAX_PRIORITY = 1_000
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 30_000

/**
 * One consumer on many streams, which share its handlers by their priorities. Streams come and go while it runs. Each
 * has its own connection and its own loop, so that one that fails or can't be joined harms no other.
 */
export class MultiStreamWorker implements Service {
  readonly #streamLog: StreamLog
  readonly #log: Log
  readonly #pool: HandlerPool
  readonly #members = new Map<string, Member>()
  #started = false
  #stopped: Promise<void> | undefined

  /** @throws InvalidError `CONFIGURATION_INVALID` */
  constructor(log: StreamLog, { concurrency = 10, log: lines = noLog }: MultiStreamOptions = {}) {
    requireCount('concurrency', concurrency)
    this.#streamLog = log
    this.#log = lines
    this.#pool = new HandlerPool(concurrency)
  }

  /**
   * Adds a stream, which is consumed as soon as it can be joined; until then it is tried again and again.
   *
   * @throws InvalidError `CONFIGURATION_INVALID`, also for a group that is there already; `CLOSED` after the stop
   */
  add(options: MemberOptions): void {
    if (this.#stopped) throw new MillraceError('CLOSED', 'the worker was stopped; another one can be made')
    const { stream, group, priority = 1, ...rest } = options
    const key = groupKey(stream, group)
    if (this.#members.has(key)) {
      const message = `the group "${group}" of "${stream}" is consumed already`
      throw new InvalidError('CONFIGURATION_INVALID', message)
    }
    checkPriority(priority)
    const share = { pool: this.#pool, weight: priority }
    const worker = new Worker(this.#streamLog, { log: this.#log, ...rest, stream, group }, share)
    const stopping = new AbortController()
    const member = { stream, group, worker, stopping, starting: undefined, error: undefined }
    this.#members.set(key, member)
    if (this.#started) this.#run(member)
  }

  /** Stops consuming one stream; what runs has `deadlineMs` to end. Others go on. Unknown ones are passed over. */
  async remove(stream: string, group: string, deadlineMs: number): Promise<void> {
    const key = groupKey(stream, group)
    const member = this.#members.get(key)
    if (!member) return
    await stopMember(member, deadlineMs)
    this.#members.delete(key)
  }

  get status(): MemberStatus[] {
    return [...this.#members.values()].map(({ error, worker }) => ({ ...worker.status, error }))
  }

  async start(): Promise<void> {
    if (this.#stopped) throw new MillraceError('CLOSED', 'the worker was stopped; another one can be made')
    if (this.#started) return
    this.#started = true
    for (const member of this.#members.values()) this.#run(member)
  }

  stop(deadlineMs: number): Promise<void> {
    const members = [...this.#members.values()]
    this.#stopped ??= Promise.all(members.map((member) => stopMember(member, deadlineMs))).then(() => {})
    return this.#stopped
  }

  #run(member: Member): void {
    member.starting = this.#startAtLast(member)
  }

  async #startAtLast(member: Member): Promise<void> {
    const { worker, stopping, stream, group } = member
    for (
      let delayMs = FIRST_RETRY_MS;
      !stopping.signal.aborted;
      delayMs = Math.min(2 * delayMs, MAX_RETRY_MS)
    ) {
      try {
        await worker.start()
        member.error = undefined
        return
      } catch (thrown) {
        const error = toError(thrown)
        member.error = error
        if (stopping.signal.aborted) return
        this.#log.warn(
          { error, stream, group },
          `${stream} can't be consumed yet, trying on: ${error.message}`,
        )
        await pause(delayMs, stopping.signal)
      }
    }
  }
}

function checkPriority(priority: number): void {
  if (priority >= 1 && priority <= MAX_PRIORITY) return
  const message = `must be a number from 1 to ${MAX_PRIORITY}, not ${priority}`
  throw new InvalidError('CONFIGURATION_INVALID', 'the stream can not be consumed like this', [
    { path: 'priority', message },
  ])
}

async function stopMember({ stopping, worker, starting }: Member, deadlineMs: number): Promise<void> {
  stopping.abort()
  await worker.stop(deadlineMs)
  await starting
}
