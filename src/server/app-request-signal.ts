import { expired } from './envelope.ts'

/** Says that nobody waits for the answer any more. Made when it is first asked for: many routes never do. */
export class RequestSignal {
  readonly #client: AbortSignal
  readonly #stopping: AbortSignal
  readonly #timeoutMs: number
  readonly #since = performance.now()
  readonly #expiry = new AbortController()
  #signal: AbortSignal | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param timeoutMs from now on */
  constructor(client: AbortSignal, stopping: AbortSignal, timeoutMs: number) {
    this.#client = client
    this.#stopping = stopping
    this.#timeoutMs = timeoutMs
  }

  get signal(): AbortSignal {
    if (!this.#signal) {
      const leftMs = Math.max(0, this.#timeoutMs - (performance.now() - this.#since))
      // With what the time limit answers: which of the two comes first is chance.
      this.#timer = setTimeout(() => this.#expiry.abort(expired(this.#timeoutMs)), leftMs)
      this.#signal = AbortSignal.any([this.#client, this.#stopping, this.#expiry.signal])
    }
    return this.#signal
  }

  /** The request was answered. */
  end(): void {
    clearTimeout(this.#timer)
  }
}
