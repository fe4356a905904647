import { MillraceError } from '../../core/errors.ts'
import type { Metric } from '../../core/metric.ts'
import type { StreamLog } from '../../core/stream-log.ts'
import { wrapLog } from '../../core/wrap-log.ts'
import { Counter } from './instruments.ts'

/** Counts what is published, and what is not, where it is written: whoever publishes it. */
export class PublishCounters {
  readonly #published = new Counter<'stream'>({
    name: 'millrace_published_total',
    help: 'Events that Redis took from this process, those of its outbox included; a repeated idempotency key counts again.',
    labels: ['stream'],
  })
  readonly #failures = new Counter<'stream' | 'error'>({
    name: 'millrace_publish_failures_total',
    help: 'Events that Redis did not take, or may not have taken, by the code of the error.',
    labels: ['stream', 'error'],
  })

  get metrics(): readonly Metric[] {
    return [this.#published, this.#failures]
  }

  /**
   * The same log, with what is written to it counted.
   *
   * @example
   * const bus = new Bus(counters.count(log))
   */
  count(log: StreamLog): StreamLog {
    return wrapLog(log, {
      append: async (stream, entries) => {
        try {
          const results = await log.append(stream, entries)
          this.#add(stream, results)
          return results
        } catch (error) {
          this.#failures.inc({ stream, error: codeOf(error) }, entries.length)
          throw error
        }
      },
    })
  }

  #add(stream: string, results: readonly (string | MillraceError)[]): void {
    let published = 0
    for (const result of results) {
      if (typeof result === 'string') published++
      else this.#failures.inc({ stream, error: result.code })
    }
    if (published > 0) this.#published.inc({ stream }, published)
  }
}

const codeOf = (error: unknown): string => (error instanceof MillraceError ? error.code : 'other')
