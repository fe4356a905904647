import { comparePositions } from '../../core/position.ts'
import type { Acknowledgement } from '../group/produce.ts'
import { slotPrefix } from '../slots.ts'

/** What the script that replies is called with behind how many entries are held: see `replyScript`. */
export function replyCall(
  requests: string,
  acknowledgements: readonly Acknowledgement[],
  maxReplies: number,
): { keys: string[]; args: string[] } {
  const prefix = `${slotPrefix(requests)}rpc:reply:`
  const sorted = [...acknowledgements].sort((a, b) => comparePositions(a.position, b.position))
  const replies = sorted.flatMap(({ position, produce = [] }) =>
    produce.map(({ stream, fields }) => ({ position, stream, fields })),
  )
  const streams = [...new Set(replies.map(({ stream }) => stream))]
  // Those of requesters come first, so that one number tells them from the others.
  const own = streams.filter((stream) => stream.startsWith(prefix))
  const keys = [...own, ...streams.filter((stream) => !stream.startsWith(prefix))]
  const index = new Map(keys.map((key, n) => [key, String(n + 1)]))
  const args = [String(maxReplies), String(own.length)]
  for (const { position, stream, fields } of replies)
    args.push(position, index.get(stream)!, String(fields.length), ...fields)
  return { keys, args }
}
