import { comparePositions, FIRST_POSITION } from '../../core/position.ts'
import type { StreamReply } from './evidence-scripts.ts'

/** How a stream and its groups stand, by the server's numbers. */
export interface StreamStand {
  readonly stream: string
  /** By the server's clock, in ms. */
  readonly now: number
  readonly length: number
  /** How many entries it ever took; absent where the server can't tell. */
  readonly added?: number
  readonly first?: string
  readonly last: string
  readonly maxDeleted: string
  readonly groups: ReadonlyMap<string, GroupStand>
}

export interface GroupStand {
  readonly group: string
  readonly consumers: number
  readonly pending: number
  readonly lastDelivered: string
  readonly entriesRead?: number
  /** Absent where it must be counted. */
  readonly behind?: number
  readonly recordedGone: number
}

export function toStand(stream: string, reply: StreamReply): StreamStand {
  const [now, length, added, first, last, maxDeleted, , groups] = reply
  const stand = {
    stream,
    now,
    length,
    ...(added >= 0 && { added }),
    ...(first !== '' && { first }),
    last,
    maxDeleted,
  }
  const rows = groups.map(([group, consumers, pending, lastDelivered, entriesRead, lag, recordedGone]) => {
    const behind = behindOf(reply, lastDelivered, lag)
    const known = { ...(entriesRead >= 0 && { entriesRead }), ...(behind !== undefined && { behind }) }
    return [group, { group, consumers, pending, lastDelivered, ...known, recordedGone }] as const
  })
  return { ...stand, groups: new Map(rows) }
}

/**
 * By the positions where they decide. The server's own lag is right as long as nothing ever left the stream; after that
 * it may count what was trimmed unread.
 */
function behindOf(
  [, length, added, first, last, maxDeleted]: StreamReply,
  lastDelivered: string,
  lag: number,
): number | undefined {
  if (length === 0 || comparePositions(lastDelivered, last) >= 0) return 0
  if (comparePositions(lastDelivered, first) < 0) return length
  return lag >= 0 && added === length && maxDeleted === FIRST_POSITION ? lag : undefined
}

/** Whether single entries were deleted from among those that are there: what the server counts has holes then. */
export const hasHoles = ({ maxDeleted, first }: StreamStand): boolean =>
  maxDeleted !== FIRST_POSITION && (first === undefined || comparePositions(maxDeleted, first) >= 0)

/**
 * How many entries were dropped between what a group was delivered last and the first one there is. What it has read is
 * all gone by then; so is what else left the stream, and that it never saw. Where entries were deleted singly above its
 * place, which somebody meant, nobody can tell.
 */
export function unreadGone(stand: StreamStand, { lastDelivered, entriesRead }: GroupStand): number {
  const { first, last, length, added, maxDeleted } = stand
  if (added === undefined || entriesRead === undefined) return 0
  const isBelow = comparePositions(lastDelivered, first ?? last) < 0
  if (!isBelow || comparePositions(maxDeleted, lastDelivered) > 0) return 0
  return Math.max(0, added - length - entriesRead)
}
