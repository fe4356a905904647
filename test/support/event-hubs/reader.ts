import rhea, { type Message, type Sender } from 'rhea'
import type { Partition, StoredEvent } from './hub.ts'

const { message, types } = rhea

type Test = (event: StoredEvent) => boolean

const FILTER = /^amqp\.annotation\.x-opt-([a-z-]+) (>=?) '(.*)'$/

/** Which events a link asks for, by the filter that its source carries. */
function wanted(filter: string | undefined, partition: Partition): Test {
  const [, name, operator, text] = FILTER.exec(filter ?? '') ?? []
  if (text === undefined) return () => true
  const latest = partition.events.length
  if (text === '@latest') return ({ sequenceNumber }) => sequenceNumber >= latest
  const limit = Number(text)
  const value: (event: StoredEvent) => number =
    name === 'sequence-number'
      ? ({ sequenceNumber }) => sequenceNumber
      : name === 'enqueued-time'
        ? ({ enqueuedAt }) => enqueuedAt
        : ({ offset }) => Number(offset)
  return operator === '>=' ? (event) => value(event) >= limit : (event) => value(event) > limit
}

/** Sends a partition's events to a receiving client, as far as it gives credit, and then what follows. */
export function serveReader(sender: Sender, partition: Partition): void {
  const source = sender.source as { filter?: Record<string, { value?: unknown }> }
  const filter = source.filter?.['apache.org:selector-filter:string'] as
    | { value?: unknown }
    | string
    | undefined
  const isWanted = wanted(
    typeof filter === 'string' ? filter : (filter?.value as string | undefined),
    partition,
  )
  let next = 0
  const pump = () => {
    for (; next < partition.events.length && sender.sendable(); next++) {
      const event = partition.events[next]!
      if (isWanted(event)) sender.send(annotated(event))
    }
  }
  sender.on('sendable', pump)
  const unfollow = partition.follow(pump)
  sender.on('sender_close', unfollow)
  sender.session.on('session_close', unfollow)
  sender.connection.on('disconnected', unfollow)
  pump()
}

function annotated({ raw, partitionKey, sequenceNumber, offset, enqueuedAt }: StoredEvent): Message {
  const decoded = message.decode(raw)
  decoded.message_annotations = {
    ...decoded.message_annotations,
    'x-opt-sequence-number': types.wrap_long(sequenceNumber),
    'x-opt-offset': offset,
    'x-opt-enqueued-time': types.wrap_timestamp(enqueuedAt),
    ...(partitionKey !== undefined && { 'x-opt-partition-key': partitionKey }),
  }
  return decoded as unknown as Message
}
