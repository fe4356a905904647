import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError } from '../../core/errors.ts'
import type { Connection } from '../connection.ts'
import { canWait, remedyFor } from '../errors.ts'

const PATIENCE_MS = 60_000
const PAUSE_MS = 100

/** What is sent more than once must not do anything more than once. */
export type Call = () => Promise<unknown>

interface Started {
  readonly call: Call
  readonly settled: Promise<MillraceError | undefined>
}

/** A call that found that the one before it had not been done. */
export class OutOfOrder extends MillraceError {}
const isOutOfOrder = (error: MillraceError): boolean => error instanceof OutOfOrder

/**
 * Sends calls one behind the other without waiting for each answer, and in the same order once more from the first one on that
 * failed for a reason that passes, or that overtook another. A few are under way at a time.
 */
export class OrderedCalls {
  readonly #connection: Connection
  readonly #most: number
  readonly #underWay: Started[] = []

  constructor(connection: Connection, most: number) {
    this.#connection = connection
    this.#most = most
  }

  async add(call: Call): Promise<void> {
    this.#underWay.push(start(call))
    if (this.#underWay.length >= this.#most) await this.#shift()
  }

  /** Resolves when all of them were answered. */
  async drain(): Promise<void> {
    while (this.#underWay.length > 0) await this.#shift()
  }

  async #shift(): Promise<void> {
    const [first] = this.#underWay
    const failure = await first!.settled
    if (failure === undefined) return void this.#underWay.shift()
    await Promise.all(this.#underWay.map(({ settled }) => settled))
    const again = this.#underWay.splice(0)
    if (!passes(failure) && !isOutOfOrder(failure)) throw failure
    for (const { call } of again) await this.#insist(call)
  }

  async #insist(call: Call): Promise<void> {
    const until = performance.now() + PATIENCE_MS
    for (;;) {
      await this.#connection.whenReady(PATIENCE_MS)
      try {
        await call()
        return
      } catch (error) {
        if (performance.now() > until || !passes(error as MillraceError)) throw error
        await sleep(PAUSE_MS)
      }
    }
  }
}

const passes = (error: MillraceError): boolean => canWait(error) || remedyFor(error) === 'reconnect'

/** Settles with what it failed with, so that nothing is left unheard. */
const start = (call: Call): Started => ({
  call,
  settled: call().then(
    () => undefined,
    (error: MillraceError) => error,
  ),
})
