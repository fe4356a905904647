import { hash, randomInt, randomUUID } from 'node:crypto'
import { checkedEntry, refuseDurability } from '../core/checked-entry.ts'
import type { NewEvent } from '../core/event.ts'

/** Changing it would let two versions publish events of one key at the same time. */
export const PARTITIONS = 32

/** An event as it stands in the outbox. */
export interface NewOutboxRow {
  readonly partition: number
  readonly stream: string
  readonly key: string | null
  readonly eventId: string
  readonly idempotencyKey: string
  readonly fields: string
}

/**
 * An event with the id and the time that it keeps, whenever it is published. One that brings its own id gets no time
 * of ours: added again, after a commit of which nobody knows, it is the same event and published once.
 */
export const identified = (event: NewEvent): NewEvent =>
  event.id === undefined
    ? { ...event, id: randomUUID(), time: event.time ?? new Date().toISOString() }
    : event

/**
 * @param loosePartition for events without a key, so that those of one call stay in their order
 * @throws MillraceError as {@link checkedEntry}
 */
export function toOutboxRow(stream: string, event: NewEvent, loosePartition: number): NewOutboxRow {
  refuseDurability(event)
  const { id = randomUUID(), key } = event
  const { fields, idempotencyKey = `outbox:${id}` } = checkedEntry({ ...event, id })
  return {
    partition: key === undefined ? loosePartition : partitionOf(stream, key),
    stream,
    key: key ?? null,
    eventId: id,
    idempotencyKey,
    fields: JSON.stringify(fields),
  }
}

export const anyPartition = (): number => randomInt(PARTITIONS)

const partitionOf = (stream: string, key: string): number =>
  hash('sha256', `${stream}\0${key}`, 'buffer').readUInt32BE() % PARTITIONS
