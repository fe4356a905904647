import { requireCount } from './require-count.ts'

/** What a pool takes work from: one stream with its lanes. */
export interface Line {
  /** Its share when there is more to do than the pool can: one of weight 2 gets twice as many turns as one of 1. */
  readonly weight: number
  /** Whether something can start now. */
  hasReady(): boolean
  /** Whether something waits that must run with nothing beside it. */
  hasSuspect(): boolean
  /** Starts one, or one batch, and calls `ended` of the pool when it has ended; not before this returns. */
  start(): void
  startSuspect(): void
}

interface Member {
  readonly line: Line
  /** Grows with each turn by 1 / weight: the lowest one is next. */
  turns: number
}

/**
 * Runs at most `concurrency` handlers at once, of one line or of many. Lines take turns by their weights, so that a low
 * one is slower but never starves. A suspect, which may kill the process, waits until nothing runs and then runs
 * alone, so that it takes nobody with it.
 */
export class HandlerPool {
  #concurrency: number
  #members: readonly Member[] = []
  #running = 0
  #alone = false
  /** The turns of whoever started last: a line that had nothing to do gets no more than its share afterwards. */
  #turns = 0

  constructor(concurrency: number) {
    this.#concurrency = concurrency
  }

  get concurrency(): number {
    return this.#concurrency
  }

  /**
   * From now on so many may run at once. What runs beyond that comes to its end, and nothing starts in its place.
   *
   * @throws InvalidError `CONFIGURATION_INVALID` for what is no whole number from 1 on
   */
  resize(concurrency: number): void {
    requireCount('concurrency', concurrency)
    this.#concurrency = concurrency
    this.pump()
  }

  /** Answers how to leave again; what runs then comes to its end. */
  join(line: Line): () => void {
    const member = { line, turns: this.#turns }
    this.#members = [...this.#members, member]
    return () => {
      this.#members = this.#members.filter((other) => other !== member)
    }
  }

  /** Starts what may run. */
  pump(): void {
    while (!this.#alone && this.#running < this.#concurrency) {
      const suspect = this.#next(hasSuspect)
      if (suspect) {
        if (this.#running === 0) this.#start(suspect, true)
        return
      }
      const member = this.#next(hasReady)
      if (!member) return
      this.#start(member, false)
    }
  }

  /** What a line started has ended: its place is free. */
  ended(): void {
    this.#running--
    this.#alone = false // whatever was alone was the only one
    this.pump()
  }

  /** Indexed, and not by an iterator, since this is done twice for every event. */
  #next(isAble: (line: Line) => boolean): Member | undefined {
    let next: Member | undefined
    for (let index = 0; index < this.#members.length; index++) {
      const member = this.#members[index]!
      if (isAble(member.line) && (!next || member.turns < next.turns)) next = member
    }
    return next
  }

  #start(member: Member, alone: boolean): void {
    const { line } = member
    this.#turns = Math.max(this.#turns, member.turns)
    member.turns = this.#turns + 1 / line.weight
    this.#running++
    this.#alone = alone
    if (alone) line.startSuspect()
    else line.start()
  }
}

const hasSuspect = (line: Line): boolean => line.hasSuspect()
const hasReady = (line: Line): boolean => line.hasReady()
