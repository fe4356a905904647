import { actionsKey } from '../operations/action-record.ts'
import { deadLetterKey, inletKey } from '../keys.ts'

/** Hash: the id of a dead letter → its fields as they were edited, as JSON. Entries of a stream can't be changed. */
export const editsKey = (stream: string): string => `${deadLetterKey(stream)}:edits`

/** KEYS of the scripts that read, that change, and that give back to a group. */
export const readKeys = (stream: string): string[] => [deadLetterKey(stream), editsKey(stream)]
export const changeKeys = (stream: string): string[] => [...readKeys(stream), actionsKey(stream)]
export const redriveKeys = (stream: string, group: string): string[] => [
  ...changeKeys(stream),
  stream,
  inletKey(stream, group),
]
