import { actionsKey } from '../operations/action-record.ts'
import { holdsKey } from '../retention/holds.ts'
import { groupKeys, inletKey } from '../keys.ts'
import { slotPrefix } from '../slots.ts'

/** Hash: how a replay stands. */
export const replayKey = (stream: string, name: string): string =>
  `${slotPrefix(stream)}replay:${encodeURIComponent(name)}`

/** The name under which a replay keeps what it needs. */
export const holdName = (name: string): string => `replay:${name}`

export type Target = { group: string } | { stream: string }

/** KEYS of the scripts: source, progress, holds, actions, where copies go. */
export const replayKeys = (stream: string, name: string, target: Target): string[] => [
  ...abandonKeys(stream, name),
  'group' in target ? inletKey(stream, target.group) : target.stream,
]

/** KEYS of the script that begins: of a group also what shows whose it is. */
export function startKeys(stream: string, name: string, target: Target): string[] {
  const keys = replayKeys(stream, name, target)
  if (!('group' in target)) return keys
  const { state, heartbeats } = groupKeys(stream, target.group)
  return [...keys, state, heartbeats]
}

export const abandonKeys = (stream: string, name: string): string[] => [
  stream,
  replayKey(stream, name),
  holdsKey(stream),
  actionsKey(stream),
]
