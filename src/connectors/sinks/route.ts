import { MessageProcessingError } from '../../core/connector-errors.ts'
import { faultsOf, type BatchFaults } from '../../core/delivery.ts'
import { InvalidError, type Issue } from '../../core/errors.ts'
import { Router } from '../../core/router.ts'
import type { Sink, SinkContext, SinkEvent } from '../../core/sink.ts'
import { SentEvents } from './sent-events.ts'

/**
 * Several sinks as one: each event goes to that of the type or pattern that fits it best (`*` is one token between dots,
 * `>` the rest). One that fits none becomes a dead letter. All of them have to be there: where one is not, the batch waits
 * for it, and the others are not given again what they have of it, unless the process ends.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` for wrong patterns, and for what is no sink
 *
 * @example
 * routeSink({ 'user.>': fileSink({ directory: './users' }), '>': webhookSink({ url: 'https://example.com/events' }) })
 */
export function routeSink(sinks: Readonly<Record<string, Sink>>): Sink {
  const issues: Issue[] = Object.entries(sinks)
    .filter(([, sink]) => typeof (sink as Partial<Sink> | undefined)?.write !== 'function')
    .map(([path]) => ({ path, message: 'must be a sink, which has a method write' }))
  if (Object.keys(sinks).length === 0)
    issues.push({ path: '', message: 'there must be at least one, such as ">" for every type' })
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', 'the routes can not be used', issues)
  return new RouteSink(sinks)
}

/** What one sink gets of a batch, and where that stood. */
interface Share {
  events: SinkEvent[]
  places: number[]
}

class RouteSink implements Sink {
  readonly concurrency: number
  readonly wantsJson: boolean
  readonly #router: Router<Sink>
  readonly #sinks: ReadonlySet<Sink>
  /** What its sink has, of a write that failed by another one. */
  readonly #sent = new SentEvents()

  constructor(sinks: Readonly<Record<string, Sink>>) {
    this.#router = new Router(Object.entries(sinks))
    this.#sinks = new Set(Object.values(sinks))
    this.concurrency = Math.min(...[...this.#sinks].map(({ concurrency = 1 }) => concurrency))
    this.wantsJson = [...this.#sinks].every(({ wantsJson }) => wantsJson)
  }

  async connect(context: SinkContext): Promise<void> {
    await whole([...this.#sinks].map((sink) => sink.connect(context)))
  }

  async write(events: readonly SinkEvent[], signal: AbortSignal): Promise<BatchFaults> {
    const faults: (Error | undefined)[] = []
    await this.#sent.during(signal, async (sent) => {
      const writing = [...this.#divide(events, faults)].map(async ([sink, { events, places }]) => {
        const found = faultsOf(await sink.write(events, signal))
        for (const [index, place] of places.entries())
          if (found[index]) faults[place] = found[index]
          else sent(events[index]!)
      })
      await whole(writing)
    })
    return faults
  }

  async close(): Promise<void> {
    await whole([...this.#sinks].map((sink) => sink.close()))
  }

  #divide(events: readonly SinkEvent[], faults: (Error | undefined)[]): Map<Sink, Share> {
    const shares = new Map<Sink, Share>()
    for (const [place, event] of events.entries()) {
      if (this.#sent.has(event)) continue
      const sink = this.#router.find(event.event.type)
      if (!sink) {
        faults[place] = new MessageProcessingError(
          'EVENT_REFUSED',
          `no route fits the type ${JSON.stringify(event.event.type)}`,
        )
        continue
      }
      const share = shares.get(sink) ?? { events: [], places: [] }
      shares.set(sink, share)
      share.events.push(event)
      share.places.push(place)
    }
    return shares
  }
}

/** Waits for all, so that nothing goes on unseen, and then fails where one did. */
async function whole(work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work)
  await Promise.all(work)
}
