import { InvalidError, type Issue } from '../../core/errors.ts'
import type { Outcome, Produced } from '../../core/stream-log.ts'
import { seenKey } from '../keys.ts'
import { slotOf } from '../slots.ts'

export type Acknowledgement = Extract<Outcome, { kind: 'acknowledge' }>

/** More arguments than Lua can pass on would fail in the middle of the script. */
const MAX_PARTS = 6_000
/** The keys that every script of a group has. */
const COMMON_KEYS = 5

export const producing = ({ produce }: Acknowledgement): boolean =>
  produce !== undefined && produce.length > 0

/**
 * What the script that produces is called with beyond the usual.
 *
 * @throws InvalidError `EVENT_INVALID` before anything is written, where an entry can't be written in the same step
 */
export function produceCall(
  stream: string,
  group: string,
  acknowledgements: readonly Acknowledgement[],
): { keys: string[]; streams: number; args: string[] } {
  const targets = [
    ...new Set(acknowledgements.flatMap(({ produce = [] }) => produce.map(({ stream }) => stream))),
  ]
  const index = new Map(targets.map((target, n) => [target, COMMON_KEYS + 1 + n]))
  const keys = [...targets]
  const args: string[] = []
  for (const { position, produce = [], identity } of acknowledgements) {
    if (identity !== undefined) keys.push(seenKey(stream, group, identity))
    const seen = identity === undefined ? 0 : COMMON_KEYS + keys.length
    args.push(position, String(seen), String(produce.length))
    for (const { stream, fields } of produce) {
      args.push(String(index.get(stream)), String(fields.length), ...fields)
    }
  }
  return { keys, streams: targets.length, args }
}

/** @throws InvalidError `EVENT_INVALID` with everything that can't be written in one step with an acknowledgement */
export function checkProduced(stream: string, produced: readonly Produced[]): void {
  const slot = slotOf(stream)
  const issues: Issue[] = []
  const refuse = (path: string, message: string) => void issues.push({ path, message })
  for (const { stream: target, fields } of produced) {
    if (typeof target !== 'string' || target === '') refuse('stream', 'must be the name of a stream')
    else if (slotOf(target) !== slot)
      refuse(target, `must be in the slot of "${stream}": give both one tag, as in {shop}:orders`)
    if (fields.length === 0 || fields.length % 2 !== 0 || fields.some((part) => typeof part !== 'string'))
      refuse(target, 'an entry is a list of names and values in turn, all of them strings, and not empty')
    if (fields.length > MAX_PARTS) refuse(target, `an entry has at most ${MAX_PARTS / 2} fields`)
  }
  if (issues.length === 0) return
  throw new InvalidError(
    'EVENT_INVALID',
    'what is produced can not be written with the acknowledgement',
    issues,
  )
}
