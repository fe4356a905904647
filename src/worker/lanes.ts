import type { Job } from './job.ts'
import { KeyQueue } from './key-queue.ts'
import { Queue } from './queue.ts'

export interface LanesOptions {
  /** How many may wait here behind parked entries, of all keys together; beyond it they wait in the log. */
  maxBehindParked: number
  /** Whether a job must run with no other beside it. */
  isSuspect(job: Job): boolean
  /** Gives jobs back to the log, since what is before them waits there; they come again after `delayMs` or a recall. */
  park(jobs: readonly Job[], delayMs: number): void
  /** Asks for parked entries whose turn it is. */
  recall(positions: readonly string[]): void
}

/** How many of one key may wait here behind the one that runs; the rest waits in the log, or one key would fill us up. */
const MAX_WAITING = 200
/** How many of a key are asked for when its turn comes. */
const MAX_RECALLED = 100
/** What waits behind a parked entry comes back by itself so much later: after a crash nobody recalls it. */
const FOLLOW_MS = 1_000
/** How long what is too much to wait here stays in the log, unless its turn comes before. */
const LONG_QUEUE_MS = 10_000
/** How many are looked after at once, and how long one that still waits is left alone then. */
const MAX_CHECKED = 500
const MAX_CHECKED_PER_KEY = 20
const LOOK_AGAIN_MS = 500
/** As late as this, an entry that was due may have gone elsewhere. */
const OVERDUE_MS = 100
/** For so long entries may wait here behind one that is parked, in ms. */
const SHORT_WAIT_MS = 5_000

/**
 * Decides what may start: entries of one key one after the other, in the order of their positions, and no later one
 * while an earlier one waits for its retry; all others as they come. Suspects, which may kill the process, stand apart.
 */
export class Lanes {
  readonly #options: LanesOptions
  readonly #ready: Queue<Job> = new Queue()
  readonly #suspects: Queue<Job> = new Queue()
  readonly #queues = new Map<string, KeyQueue>()
  #behind = 0
  #behindParked = 0
  #parkedCount = 0
  /** Keys whose first entry is parked. */
  readonly #blocked = new Set<string>()
  /** Neither here nor in the log at the last look. What still is at the next one, and did not come in between, is gone. */
  #missing = new Set<string>()

  constructor(options: LanesOptions) {
    this.#options = options
  }

  get ready(): number {
    return this.#ready.size
  }

  get suspects(): number {
    return this.#suspects.size
  }

  /** What {@link take} would answer. */
  get first(): Job | undefined {
    return this.#ready.peek()
  }

  /** How many wait here for others of their key. */
  get behind(): number {
    return this.#behind
  }

  /** How many are known to wait in the log. */
  get parked(): number {
    return this.#parkedCount
  }

  /** Keys that wait for a retry of their first entry. */
  get blockedKeys(): number {
    return this.#blocked.size
  }

  add(job: Job): void {
    const { key } = job.event
    if (key === undefined) return this.#makeReady(job)
    if (this.#missing.size > 0) this.#missing.delete(job.entry.position)
    this.#change(key, (queue) => {
      queue.add(job)
      this.#advance(key, queue)
      if (this.#blocked.has(key))
        this.#park(queue.parkUntil(this.#mayWait(queue, untilDue(queue))), untilDue(queue))
      else this.#park(queue.parkUntil(MAX_WAITING), LONG_QUEUE_MS)
    })
  }

  /** An entry of this key waits in the log, and those behind it have to wait for it. */
  addParked(key: string | undefined, position: string): void {
    if (key === undefined) return
    this.#change(key, (queue) => {
      queue.addParked(position)
      this.#advance(key, queue)
    })
  }

  /** The next one to start beside others; its key waits until it has ended. */
  take(): Job | undefined {
    return this.#ready.shift()
  }

  takeSuspect(): Job | undefined {
    return this.#suspects.shift()
  }

  /** The one behind a job that was taken, for a batch that runs them in turn. */
  takeBehind({ event: { key } }: Job, fits: (job: Job) => boolean): Job | undefined {
    const queue = key === undefined ? undefined : this.#queues.get(key)
    const next = queue?.next
    if (!next || !fits(next) || this.#options.isSuspect(next)) return undefined
    this.#behind--
    return queue!.activate()
  }

  /** It was settled for good, or belongs to others: its key goes on. */
  finished(job: Job): void {
    const { key } = job.event
    if (key === undefined || !this.#queues.has(key)) return
    this.#change(key, (queue) => {
      queue.remove(job)
      this.#advance(key, queue)
      this.#recall(key, queue)
    })
  }

  /** It waits in the log, and is back after `delayMs`: its key waits with it. */
  waits(job: Job, delayMs: number): void {
    const { key } = job.event
    if (key === undefined || !this.#queues.has(key)) return
    this.#change(key, (queue) => {
      const followers = queue.park(job, this.#mayWait(queue, delayMs))
      queue.dueAt = performance.now() + delayMs
      if (queue.active === 0) this.#blocked.add(key)
      this.#park(followers, delayMs)
    })
  }

  /** Takes back everything that has not started. Its places in the queues stay: it comes again. */
  drain(): Job[] {
    const jobs = [...this.#ready.clear(), ...this.#suspects.clear()]
    for (const key of this.#queues.keys()) this.#change(key, (queue) => jobs.push(...queue.parkUntil(0)))
    return jobs
  }

  /** Parked entries that should be back by now, or are not known to wait; at most as many as fit into one look. */
  overdue(): string[] {
    const before = performance.now() - OVERDUE_MS
    const positions: string[] = []
    for (const key of this.#blocked) {
      const queue = this.#queues.get(key)
      if (queue && queue.dueAt < before) positions.push(...queue.parkedFirst(MAX_CHECKED_PER_KEY))
      if (positions.length >= MAX_CHECKED) break
    }
    return positions
  }

  /** Of what was overdue, `waiting` still waits; what is missing for the second time went elsewhere. */
  checked(overdue: readonly string[], waiting: ReadonlySet<string>): void {
    const missing = new Set(overdue.filter((position) => !waiting.has(position)))
    const gone = new Set([...missing].filter((position) => this.#missing.has(position)))
    for (const key of this.#blocked) {
      this.#change(key, (queue) => {
        const head = queue.parkedHead
        if (!head) return
        if (waiting.has(head)) queue.dueAt = performance.now() + LOOK_AGAIN_MS
        if (!gone.has(head)) return
        while (gone.has(queue.parkedHead ?? '')) queue.removeHead()
        this.#advance(key, queue)
        this.#recall(key, queue)
      })
    }
    this.#missing = missing
  }

  /**
   * How many may wait here behind an entry that is parked for `delayMs`. Where that is short they do: on their way through
   * the log they would be scattered over all members of the group.
   */
  #mayWait(queue: KeyQueue, delayMs: number): number {
    if (delayMs > SHORT_WAIT_MS) return 0
    const others = this.#behindParked - queue.behindParked
    return Math.max(0, Math.min(MAX_WAITING, this.#options.maxBehindParked - others))
  }

  /** Every change of a queue, so that the totals are right. */
  #change(key: string, change: (queue: KeyQueue) => void): void {
    let queue = this.#queues.get(key)
    if (!queue) this.#queues.set(key, (queue = new KeyQueue()))
    const { waiting, parked } = queue
    change(queue)
    this.#behind += queue.waiting - waiting
    const behindParked = this.#blocked.has(key) ? queue.waiting : 0
    this.#behindParked += behindParked - queue.behindParked
    queue.behindParked = behindParked
    this.#parkedCount += queue.parked - parked
  }

  /** Starts what is first where it is here, or lets the key wait for it. */
  #advance(key: string, queue: KeyQueue): void {
    if (queue.isEmpty) {
      this.#queues.delete(key)
      this.#blocked.delete(key)
      return
    }
    if (queue.active > 0) return
    const job = queue.activate()
    if (!job) return void this.#blocked.add(key)
    this.#blocked.delete(key)
    this.#makeReady(job)
  }

  /** Asks for what is parked where its turn has come. */
  #recall(key: string, queue: KeyQueue): void {
    if (!this.#blocked.has(key)) return
    queue.dueAt = performance.now()
    this.#options.recall(queue.parkedFirst(MAX_RECALLED))
  }

  #makeReady(job: Job): void {
    if (this.#options.isSuspect(job)) this.#suspects.push(job)
    else this.#ready.push(job)
  }

  #park(jobs: readonly Job[], delayMs: number): void {
    if (jobs.length > 0) this.#options.park(jobs, delayMs + FOLLOW_MS)
  }
}

const untilDue = ({ dueAt }: KeyQueue): number => Math.max(0, dueAt - performance.now())
