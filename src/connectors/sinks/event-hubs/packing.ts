import type { EventData, EventDataBatch } from '@azure/event-hubs'
import { MessageProcessingError } from '../../../core/connector-errors.ts'
import { toError } from '../../../core/errors.ts'
import type { SinkEvent } from '../../../core/sink.ts'
import { partitionKeyOf, toMessage } from './message.ts'

/** An event and its place in the write. */
export interface Placed {
  readonly index: number
  readonly event: SinkEvent
}

/** A batch and what is in it. */
export interface Packed {
  readonly batch: EventDataBatch
  readonly events: Placed[]
}

export interface Packing {
  /** An empty batch, of the size that the link takes. */
  open(): Promise<EventDataBatch>
  /** Told of each event that no batch can take; the others go on. */
  refuse(one: Placed, fault: Error): void
}

/** Together what has one key; undefined for those without. */
export function byKey(events: readonly Placed[]): Map<string | undefined, Placed[]> {
  const groups = new Map<string | undefined, Placed[]>()
  for (const one of events) {
    const key = partitionKeyOf(one.event)
    const group = groups.get(key)
    if (group) group.push(one)
    else groups.set(key, [one])
  }
  return groups
}

/** Fills batches in the order of the events, each as far as it goes. */
export async function pack(events: readonly Placed[], packing: Packing): Promise<Packed[]> {
  const packs: Packed[] = []
  const next = async (): Promise<Packed> => ({ batch: await packing.open(), events: [] })
  let last = await next()
  for (const one of events) {
    const message = messageOf(one, packing)
    if (!message || add(last, one, message, packing)) continue
    if (last.events.length > 0) {
      packs.push(last)
      last = await next()
      if (add(last, one, message, packing)) continue
    }
    packing.refuse(one, tooLarge(last.batch))
  }
  if (last.events.length > 0) packs.push(last)
  return packs
}

/** Whether it is done with: in the batch, or refused since the client can't write it. */
function add({ batch, events }: Packed, one: Placed, message: EventData, packing: Packing): boolean {
  try {
    const fits = batch.tryAdd(message)
    if (fits) events.push(one)
    return fits
  } catch (error) {
    packing.refuse(one, unwritable(error))
    return true
  }
}

const tooLarge = ({ maxSizeInBytes }: EventDataBatch) =>
  new MessageProcessingError('EVENT_TOO_LARGE', `the event hub takes at most ${maxSizeInBytes} bytes at once`)

function messageOf(one: Placed, packing: Packing): EventData | undefined {
  try {
    return toMessage(one.event)
  } catch (error) {
    packing.refuse(one, unwritable(error))
    return undefined
  }
}

const unwritable = (cause: unknown) =>
  new MessageProcessingError(
    'EVENT_REFUSED',
    `the event can't be written as a message: ${toError(cause).message}`,
    { cause },
  )
