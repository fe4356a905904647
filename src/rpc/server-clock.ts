const SYNC_EVERY_MS = 10_000

/**
 * The clock of the server, as told by ours: what began there is over by its time, whatever the clock of this machine says.
 * A process that is stopped for a while has it right when it goes on.
 */
export class ServerClock {
  readonly #ask: () => Promise<number>
  #ahead = 0
  #nextSyncAt = 0

  constructor(ask: () => Promise<number>) {
    this.#ask = ask
  }

  /** In ms since 1970; right from the first `sync` on, to about a round trip. */
  get now(): number {
    return performance.now() + this.#ahead
  }

  /** Asks the server where that was long ago. */
  async sync(): Promise<void> {
    if (performance.now() < this.#nextSyncAt) return
    const before = performance.now()
    const server = await this.#ask()
    const after = performance.now()
    this.#ahead = server - (before + after) / 2
    this.#nextSyncAt = after + SYNC_EVERY_MS
  }
}
