import { decodeEntry } from '../core/codec.ts'
import type { Delivery } from '../core/delivery.ts'
import type { Entry } from '../core/stream-log.ts'

/** One event handed to a handler, as the worker would. */
export const deliveryOf = (entry: Entry, more: Partial<Delivery> = {}): Delivery => ({
  event: decodeEntry('things', entry),
  stream: 'things',
  group: 'main',
  position: entry.position,
  entry,
  attempt: 1,
  signal: new AbortController().signal,
  produce() {},
  ...more,
})

/** A promise with its end outside, to let something happen in between. */
export function gate(): { opened: Promise<void>; open(): void } {
  let open!: () => void
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}
