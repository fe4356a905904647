import type { Writable } from 'node:stream'
import { SinkError, toCloudEventJson, type Sink, type SinkEvent } from 'millrace/connectors'

/** Writes each event as a line of JSON to the standard output, or wherever it is told to. */
export class ConsoleSink implements Sink {
  readonly #output: Writable

  constructor(output: Writable = process.stdout) {
    this.#output = output
  }

  async connect(): Promise<void> {
    if (!this.#output.writable) throw new SinkError('SINK_UNAVAILABLE', 'nobody reads the output any more')
  }

  /** Resolves when the output has taken the lines: only then they may be acknowledged. */
  async write(events: readonly SinkEvent[]): Promise<void> {
    const lines = events.map((event) => `${toCloudEventJson(event)}\n`).join('')
    await new Promise<void>((resolve, reject) => {
      this.#output.write(lines, (cause) => {
        if (cause) reject(new SinkError('SINK_UNAVAILABLE', 'the output takes no more', { cause }))
        else resolve()
      })
    })
  }

  async close(): Promise<void> {}
}
