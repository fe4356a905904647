import { slotPrefix } from '../slots.ts'

/** Stream: replies to one requester; it expires soon after the requester is gone. */
export const replyKey = (requests: string, requester: string): string =>
  `${slotPrefix(requests)}rpc:reply:${requester}`

/** Stream: what is told to all responders; it expires when nothing was told for a while. */
export const notesKey = (requests: string): string => `${slotPrefix(requests)}rpc:notes`

/** A stream of replies or notes has about so many entries at most. More than a requester has pending, and what is late. */
export const MAX_REPLIES = 20_000
