import type { Job } from './job.ts'

export interface LanesOptions {
  /** Jobs that run at once. */
  concurrency: number
  /** Runs one job; never rejects. */
  run(job: Job): Promise<void>
  /** Whether a job must run with no other beside it. */
  isSuspect(job: Job): boolean
}

/**
 * Runs jobs, at most `concurrency` at once, those of one key one after the other in the order in which they came. A
 * suspect, which may kill the process, waits until nothing runs and then runs alone, so that it takes nobody with it.
 */
export class Lanes {
  readonly #options: LanesOptions
  readonly #ready: Queue<Job> = new Queue()
  readonly #suspects: Queue<Job> = new Queue()
  /** Jobs of a key behind the one that runs; a key that is absent is free. */
  readonly #behind = new Map<string, Job[]>()
  #running = 0
  #alone = false

  constructor(options: LanesOptions) {
    this.#options = options
  }

  add(job: Job): void {
    const { key } = job.event
    if (this.#options.isSuspect(job)) this.#suspects.push(job)
    else if (key === undefined) this.#ready.push(job)
    else {
      const behind = this.#behind.get(key)
      if (behind) behind.push(job)
      else {
        this.#behind.set(key, [])
        this.#ready.push(job)
      }
    }
  }

  /** Starts what may run. */
  pump(): void {
    while (!this.#alone && this.#running < this.#options.concurrency) {
      if (this.#suspects.size > 0) {
        if (this.#running === 0) this.#start(this.#suspects.shift()!, true)
        return
      }
      const job = this.#ready.shift()
      if (!job) return
      this.#start(job, false)
    }
  }

  /** Takes back everything that has not started. */
  drain(): Job[] {
    const jobs = [...this.#ready.clear(), ...this.#suspects.clear()]
    for (const behind of this.#behind.values()) jobs.push(...behind.splice(0))
    return jobs
  }

  #start(job: Job, alone: boolean): void {
    this.#running++
    this.#alone = alone
    void this.#options.run(job).then(() => {
      this.#running--
      if (alone) this.#alone = false
      else this.#free(job.event.key)
      this.pump()
    })
  }

  #free(key: string | undefined): void {
    if (key === undefined) return
    const next = this.#behind.get(key)?.shift()
    if (next) this.#ready.push(next)
    else this.#behind.delete(key)
  }
}

/** First in, first out without moving the rest, which `Array.shift` does on long arrays. */
class Queue<T> {
  #items: T[] = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head++]
    if (this.#head === this.#items.length) this.clear()
    return item
  }

  clear(): T[] {
    const rest = this.#items.slice(this.#head)
    this.#items = []
    this.#head = 0
    return rest
  }
}
