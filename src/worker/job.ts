import { MillraceError } from '../core/errors.ts'
import type { Delivery } from '../core/delivery.ts'
import type { Event } from '../core/event.ts'
import type { Claim, Consumer, CopyOf, Outcome, Produced } from '../core/stream-log.ts'

/** Where jobs come from. */
export interface JobSource {
  readonly stream: string
  readonly group: string
  readonly consumer: Pick<Consumer, 'checkProduced'>
}

/** A claim on its way through the worker; what the handler sees of it is a Delivery. */
export class Job implements Delivery {
  readonly event: Event
  readonly entry: Claim
  readonly #source: JobSource
  /** Under which it is reserved, so that a second event of the same is not run. */
  readonly identity: string | undefined
  /** It is no longer ours: whatever comes of it, nothing is settled. */
  lost = false
  /** How it ended, when that is on its way to the log. */
  ending: Outcome['kind'] | undefined
  /** On the clock of the time limit; undefined while the handler does not run. */
  beganAt: number | undefined
  /** Its time was over before its handler had ended. */
  isLate = false
  #onLate: ((error: Error) => void) | undefined
  #produced: Produced[] | undefined
  #controller: AbortController | undefined
  #abortReason: Error | undefined

  constructor(source: JobSource, claim: Claim, event: Event, identity?: string) {
    this.#source = source
    this.entry = claim
    this.event = event
    this.identity = identity
  }

  get stream(): string {
    return this.#source.stream
  }

  get group(): string {
    return this.#source.group
  }

  get position(): string {
    return this.entry.copyOf?.position ?? this.entry.position
  }

  get copyOf(): CopyOf | undefined {
    return this.entry.copyOf
  }

  get attempt(): number {
    return this.entry.attempt
  }

  /** Made on first use: a controller for every delivery would cost half the speed. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#abortReason) this.#controller.abort(this.#abortReason)
    return this.#controller.signal
  }

  abort(reason: Error): void {
    this.#abortReason ??= reason
    this.#controller?.abort(reason)
  }

  /** Its time is over. Answers whether somebody waits for that: see {@link whenLate}. */
  expire(error: Error): boolean {
    this.isLate = true
    this.abort(error)
    this.#onLate?.(error)
    return this.#onLate !== undefined
  }

  /** Calls it when its time is over. */
  whenLate(reject: (error: Error) => void): void {
    this.#onLate = reject
  }

  /** Begins anew, as one of a batch that failed does. */
  again(): void {
    this.discardProduced()
    this.beganAt = undefined
    this.#onLate = undefined
  }

  produce(stream: string, fields: readonly string[]): void {
    if (this.ending || this.lost || this.isLate) {
      const message = `the handler of ${this.stream} ${this.position} has ended: what it produces now can't be written with it`
      throw new MillraceError('CLOSED', message)
    }
    this.#source.consumer.checkProduced({ stream, fields })
    this.#produced ??= []
    this.#produced.push({ stream, fields })
  }

  /** Forgets what a start produced that failed. */
  discardProduced(): void {
    this.#produced = undefined
  }

  /** The outcome of a start that came to its end. */
  acknowledgement(): Outcome {
    const { entry, identity } = this
    const outcome: Outcome = { kind: 'acknowledge', position: entry.position }
    if (this.#produced) outcome.produce = this.#produced
    if (identity !== undefined) outcome.identity = identity
    return outcome
  }
}
