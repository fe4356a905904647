import { MAX_REPLY_SIZE, sizeOf } from '../core/entry-size.ts'

/** As much as is read ahead should keep the handlers busy for this long, in ms. */
const HORIZON_MS = 200
/** One claim asks for no more, so that Redis reads the next one while the handlers run this one. */
const MAX_CLAIM = 500

/**
 * Past so many entries that wait in the log behind others of their key, new ones are only trickled in: each has a place
 * here and in the pending list of the group.
 */
const MAX_PARKED = 50_000

/** What a worker has; see the processor. */
export interface InHand {
  readonly held: number
  readonly behind: number
  readonly parked: number
}

/**
 * How many entries a worker should hold. Enough to keep its handlers busy while the next ones travel, and no more:
 * what waits here could run elsewhere. So it follows the speed at which entries are finished.
 */
export class ReadAhead {
  readonly #capacity: () => number
  readonly #handlers: () => number
  readonly #max: number
  #rate = 0
  #finished = 0
  #since = performance.now()
  /** As large as any may be, until it is known: the first claims are small. */
  #averageSize = 1_000_000

  /**
   * @param capacity how many entries the handlers run at once, which may change
   * @param handlers how many handlers run at once: fewer than that where they take batches
   */
  constructor(capacity: () => number, handlers: () => number, max: number) {
    this.#capacity = capacity
    this.#handlers = handlers
    this.#max = max
  }

  finished(count: number): void {
    this.#finished += count
  }

  /** Learns how large entries are. */
  took(fieldsOfEach: readonly { fields: readonly string[] }[]): void {
    let size = 0
    for (const { fields } of fieldsOfEach) size += sizeOf(fields)
    this.#averageSize = (this.#averageSize + 3 * (size / fieldsOfEach.length)) / 4
  }

  /** How many more to ask for; 0 when there is enough. */
  room({ held, behind, parked }: InHand): number {
    this.#learnRate()
    const capacity = this.#capacity()
    const wanted = Math.max(2 * capacity, capacity + (this.#rate * HORIZON_MS) / 1_000)
    const fits = Math.max(1, Math.floor(MAX_REPLY_SIZE / this.#averageSize))
    // What waits for others of its key keeps no handler busy.
    // However fast they are finished, large ones are not piled up here; a batch need not be full.
    const most = Math.min(this.#max, Math.max(2 * this.#handlers(), fits))
    const room = Math.floor(Math.min(wanted - (held - behind), most - held))
    // Asking for a few at a time would spend a round trip on each; where nothing is read ahead, a handler would idle.
    const isWorthIt = room >= Math.min(capacity, wanted, most) / 4 || held === 0 || this.#max <= capacity
    return isWorthIt ? Math.max(0, Math.min(room, fits, parked < MAX_PARKED ? MAX_CLAIM : 1)) : 0
  }

  #learnRate(): void {
    const now = performance.now()
    const elapsed = now - this.#since
    if (elapsed < 20) return
    const current = (this.#finished * 1_000) / elapsed
    this.#rate = current > this.#rate ? current : this.#rate * 0.7 + current * 0.3
    this.#finished = 0
    this.#since = now
  }
}
