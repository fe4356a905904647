import type { Argument } from '../connection.ts'

/** Commands whose key is not the first argument, and where it is instead. */
const KEY_AT: Readonly<Record<string, number>> = {
  EVAL: 3,
  EVALSHA: 3,
  OBJECT: 2,
  XGROUP: 2,
  XINFO: 2,
}

/** Commands for the server that gets them. */
const KEYLESS = new Set([
  'CLIENT',
  'COMMAND',
  'CONFIG',
  'INFO',
  'PING',
  'ROLE',
  'SCAN',
  'SCRIPT',
  'TIME',
  'WAIT',
  'WAITAOF',
])

/** The key by which a cluster finds the server of a command; undefined where any will do. All keys of one are of one slot. */
export function commandKey(args: readonly Argument[]): string | undefined {
  const name = textOf(args[0])!.toUpperCase()
  if (KEYLESS.has(name)) return undefined
  // All streams are in one slot, so the first one tells.
  if (name === 'XREAD') return textOf(args[args.indexOf('STREAMS') + 1])
  // Of one stream only, with the position behind it; a group may be called STREAMS.
  if (name === 'XREADGROUP') return textOf(args.at(-2))
  return textOf(args[KEY_AT[name] ?? 1])
}

/** Keys of ours are texts. */
const textOf = (argument: Argument | undefined): string | undefined => argument?.toString()
