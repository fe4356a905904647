import { decodeEntry } from '../core/codec.ts'
import { MillraceError, toError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import type { Claim, Consumer } from '../core/stream-log.ts'
import { deadLetter } from './ending.ts'
import { identityOf, type Screening } from './intake.ts'
import { Job, type JobSource } from './job.ts'
import type { Settlements } from './settlements.ts'
import type { ResolvedOptions } from './worker-options.ts'

/** How long an entry waits for another one of its identity that is under way, in ms. */
const DUPLICATE_WAIT_MS = 1_000

/** Turns claims into jobs, and sees to those of which nothing is to be run. */
export class Admission {
  readonly #options: ResolvedOptions
  readonly #source: JobSource
  readonly #jobs: Map<string, Job>
  readonly #settlements: Settlements

  /** @param jobs those in hand, by the positions of their claims; what is admitted is added */
  constructor(
    consumer: Consumer,
    options: ResolvedOptions,
    jobs: Map<string, Job>,
    settlements: Settlements,
  ) {
    const { stream, group } = options
    this.#source = { stream, group, consumer }
    this.#options = options
    this.#jobs = jobs
    this.#settlements = settlements
  }

  /** A job for the claim, or undefined where there is nothing to run. */
  admit(claim: Claim, { done, held }: Screening): Job | undefined {
    const { position, attempt, origin } = claim
    if (attempt > 1 || origin === 'abandoned') this.#settlements.counters.redeliveries++
    if (done.has(position)) return void this.#settlements.skip(claim, this.#eventIfAny(claim))
    if (held.has(position)) return void this.#settlements.release(claim, attempt - 1, DUPLICATE_WAIT_MS)
    const known = this.#jobs.get(position)
    if (known) return this.#decline(claim, known)
    const event = this.#decode(claim)
    if (!event) return undefined
    const identity = this.#options.deduplicate && identityOf(this.#options.stream, claim)
    const job = new Job(this.#source, claim, event, identity)
    this.#jobs.set(position, job)
    if (attempt <= this.#maxAttempt(job)) return job
    this.#buryDead(job)
    return undefined
  }

  /** The key of an entry that is not to be run here. */
  keyOf(claim: Claim): string | undefined {
    return this.#eventIfAny(claim)?.key
  }

  #eventIfAny(claim: Claim): Event | undefined {
    try {
      return this.#eventOf(claim)
    } catch {
      return undefined
    }
  }

  /** A copy means what its original does. */
  #eventOf({ copyOf, position, fields }: Claim): Event {
    return decodeEntry(this.#options.stream, { position: copyOf?.position ?? position, fields })
  }

  #decode(claim: Claim): Event | undefined {
    try {
      return this.#eventOf(claim)
    } catch (error) {
      const { position, attempt } = claim
      this.#settlements.settle(claim, undefined, deadLetter(position, attempt - 1, toError(error)))
      return undefined
    }
  }

  /** That it was handed out is no proof of a start: whatever the policy, it runs once where that is known. */
  #maxAttempt({ entry: { origin }, event: { type } }: Job): number {
    const { attempts } = this.#options.retry.of(type)
    return origin === 'abandoned' ? Math.max(attempts, 2) : attempts
  }

  #buryDead(job: Job): void {
    const { entry, event, attempt, identity } = job
    const died = new MillraceError('HANDLER_DIED', `none of its ${attempt - 1} starts came to an end`)
    job.ending = 'dead-letter'
    this.#settlements.settle(entry, event, deadLetter(entry.position, attempt - 1, died, identity))
  }

  /**
   * A claim of what is here already. What runs, or was acknowledged or buried, is ours as before (a group that was
   * healed hands it out again), and its end settles this claim too. What was parked may be back before we heard that
   * it was parked; then nothing else would settle this claim.
   */
  #decline(claim: Claim, { ending }: Job): undefined {
    if (ending === 'retry' || ending === 'release') this.#settlements.release(claim, claim.attempt - 1)
  }
}
