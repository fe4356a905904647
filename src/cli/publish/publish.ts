import { randomUUID } from 'node:crypto'
import { Publisher } from '../../bus/publisher.ts'
import { toError, type MillraceError } from '../../core/errors.ts'
import type { NewEvent } from '../../core/event.ts'
import { pause } from '../../core/pause.ts'
import { encrypt } from '../../middleware/encrypt.ts'
import { CommandError, EXIT } from '../exit.ts'
import { print, printJson, say, type Io } from '../io.ts'
import { Progress } from '../progress.ts'
import { readItems, valueAt } from './items.ts'
import { withRedis, type RedisFlags } from '../with-redis.ts'

export interface PublishFlags extends RedisFlags {
  type: string
  data?: string
  from?: string
  items?: string
  key?: string
  idempotencyKey?: string
  json?: boolean
}

const BATCH = 500
/** For how long a batch is tried again while Redis is away, in ms. */
const PATIENCE_MS = 60_000
const RETRY_DELAY_MS = 500

/** Says again without fear: every event carries an idempotency key. */
const WORTH_ANOTHER_TRY: ReadonlySet<string> = new Set([
  'REDIS_UNAVAILABLE',
  'PUBLISH_UNCERTAIN',
  'PUBLISH_QUEUE_FULL',
])

/** `millrace publish`: one event from `--data`, or one for each item of a file. */
export async function publishCommand(io: Io, stream: string, flags: PublishFlags): Promise<void> {
  const { total, items } = await source(io, flags)
  await withRedis(io, flags, async (log, ring) => {
    const publisher = new Publisher(log, { middleware: ring ? [encrypt(ring)] : [] })
    const progress = new Progress(io, stream, 'events', total)
    const positions: string[] = []
    await log.register(stream)
    try {
      for await (const batch of batches(toEvents(items, flags), BATCH)) {
        if (io.signal.aborted)
          throw new CommandError(`stopped after ${positions.length} events were published`)
        positions.push(...(await publishBatch(io, publisher, stream, batch)))
        progress.update({ done: positions.length })
      }
    } finally {
      progress.stop()
    }
    await report(io, flags, stream, positions)
  })
}

async function source(io: Io, flags: PublishFlags) {
  if ((flags.data === undefined) === (flags.from === undefined)) {
    throw new CommandError('say what to publish: either --data JSON or --from FILE', EXIT.usage)
  }
  if (flags.from !== undefined) return readItems(io, flags.from, flags.items)
  try {
    return { total: 1, items: [JSON.parse(flags.data!) as unknown] }
  } catch (error) {
    throw new CommandError(`--data is not JSON: ${toError(error).message}`, EXIT.usage)
  }
}

async function* toEvents(
  items: AsyncIterable<unknown> | Iterable<unknown>,
  flags: PublishFlags,
): AsyncGenerator<NewEvent> {
  const run = randomUUID()
  let index = 0
  for await (const data of items) {
    const key = flags.key === undefined ? undefined : keyAt(data, flags.key, '--key', index)
    const given = flags.idempotencyKey
    const idempotencyKey =
      given === undefined ? `${run}-${index}` : keyAt(data, given, '--idempotency-key', index)
    yield { type: flags.type, data, idempotencyKey, ...(key === undefined ? {} : { key }) }
    index++
  }
}

function keyAt(data: unknown, path: string, flag: string, index: number): string {
  const value = valueAt(data, path)
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  throw new CommandError(`item ${index} has no text or number at "${path}", where ${flag} looks for it`)
}

async function* batches<T>(values: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const value of values) {
    if (batch.push(value) < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** Publishes the batch, again and again what Redis did not take, and answers the positions. */
async function publishBatch(
  io: Io,
  publisher: Publisher,
  stream: string,
  events: readonly NewEvent[],
): Promise<string[]> {
  const until = Date.now() + PATIENCE_MS
  for (;;) {
    const results = await publisher.publish(stream, events)
    const failure = results.find((result) => typeof result !== 'string') as MillraceError | undefined
    if (!failure) return results as string[]
    if (!WORTH_ANOTHER_TRY.has(failure.code) || Date.now() > until || io.signal.aborted) throw failure
    say(io, `${failure.message}; trying again`)
    await pause(RETRY_DELAY_MS, io.signal)
  }
}

async function report(
  io: Io,
  flags: PublishFlags,
  stream: string,
  positions: readonly string[],
): Promise<void> {
  const summary = {
    stream,
    type: flags.type,
    published: positions.length,
    first: positions[0],
    last: positions.at(-1),
  }
  if (flags.json) return printJson(io, summary)
  const range = positions.length === 0 ? '' : ` (${summary.first} to ${summary.last})`
  await print(io, `published ${positions.length} events to ${stream}${range}`)
}
