import { InvalidError, MillraceError, PublishError, toError, type Issue } from '../core/errors.ts'
import type { PreparedEvent } from '../core/checked-entry.ts'
import type { NewEvent } from '../core/event.ts'
import type { ServerPorts } from './ports.ts'

type Publishing = Pick<ServerPorts, 'prepare' | 'publish'>
type Result = string | MillraceError

export interface BatchItem {
  stream: string
  event: NewEvent
}

/** How a request calls what is at fault. */
export interface RequestTerms {
  /** An event, by its place in the batch. */
  item(index: number): string
  /** Its data. */
  data: string
}

const TERMS: RequestTerms = { item: (index) => `events.${index}`, data: 'payload' }

/** What was prepared of a batch, by streams, with the places of the events in the batch. */
type Prepared = Map<string, { events: PreparedEvent[]; indexes: number[] }>

/**
 * Publishes events to any streams and answers their ids in the order given. All are checked before any is published.
 *
 * @throws InvalidError with every event at fault by its index; nothing was published
 * @throws PublishError with a result for each, when some or all were not written
 */
export async function publishBatch(
  ports: Publishing,
  items: readonly BatchItem[],
  terms = TERMS,
): Promise<string[]> {
  const results = await publishAll(ports, await prepareAll(ports, items, terms))
  if (results.every((result) => typeof result === 'string')) return results
  throw new PublishError(results)
}

async function prepareAll(
  ports: Publishing,
  items: readonly BatchItem[],
  terms: RequestTerms,
): Promise<Prepared> {
  const byStream: Prepared = new Map()
  const faults: InvalidError[] = []
  for (const [index, { stream, event }] of items.entries()) {
    try {
      const prepared = ports.prepare(stream, event)
      // Most are checked at once, and a turn of the event loop for each event of a batch would be dear.
      add(byStream, stream, index, prepared instanceof Promise ? await prepared : prepared)
    } catch (thrown) {
      if (!(thrown instanceof MillraceError)) throw thrown
      faults.push(faultOf(thrown, terms.item(index), terms))
    }
  }
  if (faults.length === 0) return byStream
  const sameCode = faults.every(({ code }) => code === faults[0]!.code)
  const issues = faults.flatMap((fault) => fault.issues)
  throw new InvalidError(sameCode ? faults[0]!.code : 'EVENT_INVALID', 'nothing was published', issues)
}

function add(byStream: Prepared, stream: string, index: number, event: PreparedEvent): void {
  let place = byStream.get(stream)
  if (!place) byStream.set(stream, (place = { events: [], indexes: [] }))
  place.events.push(event)
  place.indexes.push(index)
}

function faultOf(error: MillraceError, prefix: string, terms: RequestTerms): InvalidError {
  const { code, message } = error
  const renamed = inTermsOfRequest(error, terms)
  const issues = renamed instanceof InvalidError ? renamed.issues : []
  const placed: Issue[] = issues.map(({ path, message }) => ({
    path: path ? `${prefix}.${path}` : prefix,
    message,
  }))
  return new InvalidError(code, '', placed.length > 0 ? placed : [{ path: prefix, message }])
}

/** An error with the name that the data of an event has in a request. */
export function inTermsOfRequest(error: unknown, { data }: Pick<RequestTerms, 'data'> = TERMS): unknown {
  if (!(error instanceof InvalidError)) return error
  const issues = error.issues.map(({ path, message }) => ({
    path: path.replace(/^data(?=\.|$)/, data),
    message,
  }))
  return new InvalidError(error.code, 'the event is at fault', issues, { cause: error })
}

/** Never rejects: where one stream fails, the others may have been written, and the caller must hear of them. */
async function publishAll(ports: Publishing, byStream: Prepared): Promise<Result[]> {
  const results: Result[] = []
  const publishing = Array.from(byStream, async ([stream, { events, indexes }]) => {
    const answers = await ports.publish(stream, events).catch(asFailure)
    for (const [turn, index] of indexes.entries()) {
      results[index] = Array.isArray(answers) ? (answers[turn] ?? NO_RESULT) : answers
    }
  })
  await Promise.all(publishing)
  return results
}

const NO_RESULT = new MillraceError('PUBLISH_FAILED', 'the publisher gave no result')

function asFailure(thrown: unknown): MillraceError {
  if (thrown instanceof MillraceError) return thrown
  return new MillraceError('PUBLISH_FAILED', toError(thrown).message, { cause: thrown })
}
