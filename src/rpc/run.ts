import { MillraceError } from '../core/errors.ts'
import type { Step } from './deadlines.ts'
import { PART_WINDOW } from './parts.ts'

/** What a handler is told about the request that it answers. */
export interface RequestContext {
  readonly requestId: string
  /** Of the request in its stream. */
  readonly position: string
  /** 1, or more where a responder died with it. */
  readonly attempt: number
  /** How long the requester waits from now on, in ms. */
  readonly timeLeft: number
  /**
   * Aborted when nobody wants the answer any more: its time is over, it was cancelled, it went to another responder, or this
   * one stops. A terminal is taken until the handler ends, so listen to it.
   */
  readonly signal: AbortSignal
}

/** A request that runs. */
export class Run implements RequestContext {
  readonly requestId: string
  readonly position: string
  readonly attempt: number
  /** On the clock of `performance.now`. */
  readonly #until: number
  /** Aborted when the request is not ours any more. */
  readonly #ours: () => AbortSignal | undefined
  #controller: AbortController | undefined
  #reason: Error | undefined
  #allowed = PART_WINDOW
  #wake: (() => void) | undefined
  step: Step = 0

  constructor(
    request: { requestId: string; position: string; attempt: number; leftMs: number },
    ours: () => AbortSignal | undefined,
  ) {
    this.requestId = request.requestId
    this.position = request.position
    this.attempt = request.attempt
    this.#until = performance.now() + request.leftMs
    this.#ours = ours
  }

  get timeLeft(): number {
    return Math.max(0, this.#until - performance.now())
  }

  /** Made on first use: most handlers never look at it. */
  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal
    this.#controller = new AbortController()
    if (this.#reason) this.#controller.abort(this.#reason)
    const ours = this.#ours()
    if (ours?.aborted) this.abort(ours.reason as Error)
    ours?.addEventListener('abort', () => this.abort(ours.reason as Error), { once: true })
    return this.#controller.signal
  }

  /** Whether nobody waits for the answer: what comes of it is dropped. */
  get unwanted(): boolean {
    return this.#reason !== undefined
  }

  abort(reason: Error): void {
    this.#reason ??= reason
    this.#controller?.abort(this.#reason)
    this.#wake?.()
  }

  allow(parts: number): void {
    this.#allowed = Math.max(this.#allowed, parts)
    this.#wake?.()
  }

  /** Waits until the requester takes so many parts. Rejects when nobody wants them any more. */
  async room(parts: number): Promise<void> {
    // What makes the request no longer ours must end the waiting.
    void this.signal
    while (parts > this.#allowed && !this.#reason)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    if (this.#reason) throw this.#reason
  }
}

export const timeOver = () => new MillraceError('RPC_TIMEOUT', 'the time of the request is over')
export const toldToStop = () => new MillraceError('RPC_CANCELLED', 'the requester cancelled the request')
