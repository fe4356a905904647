import { toError } from '../../core/errors.ts'
import { pause } from '../../core/pause.ts'
import type { Log, Service } from '../../core/service.ts'

/** Well below the second within which a change is to be everywhere. */
const INTERVAL_MS = 400

/**
 * Looks for changes, again and again. A blocked read would know a little sooner, and would cost each instance a
 * connection; a look is one small command, and after an outage the next one finds whatever is newest.
 */
export class SettingsWatch implements Service {
  readonly #mark: () => Promise<string>
  readonly #onChange: () => Promise<void>
  readonly #log: Log
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined

  /** @param mark something that differs after every change */
  constructor(mark: () => Promise<string>, onChange: () => Promise<void>, log: Log) {
    this.#mark = mark
    this.#onChange = onChange
    this.#log = log
  }

  async start(): Promise<void> {
    this.#loop ??= this.#run()
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort()
    const done = new AbortController()
    await Promise.race([
      (this.#loop ?? Promise.resolve()).then(() => done.abort()),
      pause(deadlineMs, done.signal),
    ])
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    let seen: string | undefined
    let failed = false
    while (!signal.aborted) {
      try {
        const mark = await this.#mark()
        if (mark !== seen) await this.#onChange()
        seen = mark
        failed = false
      } catch (error) {
        if (!failed && !signal.aborted)
          this.#log.warn({ error }, `The settings can't be read, trying on: ${toError(error).message}`)
        failed = true
      }
      await pause(INTERVAL_MS, signal)
    }
  }
}
