import { InvalidError, MillraceError, PublishError, toError, type Issue } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import type { ServerPorts } from './ports.ts'

type Publishing = Pick<ServerPorts, 'check' | 'publish'>
type Result = string | MillraceError

export interface BatchItem {
  stream: string
  event: NewEvent
}

/**
 * Publishes events to any streams and answers their ids in the order given. All are checked before any is published.
 *
 * @throws InvalidError with every event at fault by its index; nothing was published
 * @throws PublishError with a result for each, when some or all were not written
 */
export async function publishBatch(ports: Publishing, items: readonly BatchItem[]): Promise<string[]> {
  await checkAll(ports, items)
  const results = await publishAll(ports, items)
  if (results.every((result) => typeof result === 'string')) return results
  throw new PublishError(results)
}

async function checkAll(ports: Publishing, items: readonly BatchItem[]): Promise<void> {
  const faults: InvalidError[] = []
  for (const [index, { stream, event }] of items.entries()) {
    try {
      const checked = ports.check(stream, event)
      // Most checks are done at once, and a turn of the event loop for each event of a batch would be dear.
      if (checked) await checked
    } catch (thrown) {
      if (!(thrown instanceof MillraceError)) throw thrown
      faults.push(faultOf(thrown, `events.${index}`))
    }
  }
  if (faults.length === 0) return
  const sameCode = faults.every(({ code }) => code === faults[0]!.code)
  const issues = faults.flatMap((fault) => fault.issues)
  throw new InvalidError(sameCode ? faults[0]!.code : 'EVENT_INVALID', 'nothing was published', issues)
}

function faultOf(error: MillraceError, prefix: string): InvalidError {
  const { code, message } = error
  const renamed = inTermsOfRequest(error)
  const issues = renamed instanceof InvalidError ? renamed.issues : []
  const placed: Issue[] = issues.map(({ path, message }) => ({
    path: path ? `${prefix}.${path}` : prefix,
    message,
  }))
  return new InvalidError(code, '', placed.length > 0 ? placed : [{ path: prefix, message }])
}

/** An error with the name that the data of an event has in a request: `payload`. */
export function inTermsOfRequest(error: unknown): unknown {
  if (!(error instanceof InvalidError)) return error
  const issues = error.issues.map(({ path, message }) => ({
    path: path.replace(/^data(?=\.|$)/, 'payload'),
    message,
  }))
  return new InvalidError(error.code, 'the event is at fault', issues, { cause: error })
}

/** Never rejects: where one stream fails, the others may have been written, and the caller must hear of them. */
async function publishAll(ports: Publishing, items: readonly BatchItem[]): Promise<Result[]> {
  const results: Result[] = []
  const publishStream = async (stream: string, indexes: readonly number[]) => {
    const events = indexes.map((index) => items[index]!.event)
    const answers = await ports.publish(stream, events).catch(asFailure)
    for (const [turn, index] of indexes.entries()) {
      results[index] = Array.isArray(answers) ? (answers[turn] ?? NO_RESULT) : answers
    }
  }
  await Promise.all(Array.from(indexesByStream(items), ([stream, indexes]) => publishStream(stream, indexes)))
  return results
}

const NO_RESULT = new MillraceError('PUBLISH_FAILED', 'the publisher gave no result')

function indexesByStream(items: readonly BatchItem[]): Map<string, number[]> {
  const byStream = new Map<string, number[]>()
  for (const [index, { stream }] of items.entries()) {
    const indexes = byStream.get(stream)
    if (indexes) indexes.push(index)
    else byStream.set(stream, [index])
  }
  return byStream
}

function asFailure(thrown: unknown): MillraceError {
  if (thrown instanceof MillraceError) return thrown
  return new MillraceError('PUBLISH_FAILED', toError(thrown).message, { cause: thrown })
}
