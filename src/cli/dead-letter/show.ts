import type { StoredDeadLetter } from '../../core/dead-letters.ts'
import { toError } from '../../core/errors.ts'
import type { Event } from '../../core/event.ts'
import { decryptEvent } from '../../middleware/decrypt.ts'
import type { KeyRing } from '../../middleware/key-ring.ts'
import type { JsonFlags } from '../flags.ts'
import { print, printJson, type Io } from '../io.ts'
import { harmless } from '../output/text.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

/** `millrace dead-letter show S ID`. */
export async function deadLetterShowCommand(
  io: Io,
  stream: string,
  id: string,
  flags: RedisFlags & JsonFlags,
): Promise<void> {
  await withOperations(
    io,
    flags,
    async ({ operations, ring }) => {
      const letter = await operations.deadLetters.get(stream, id)
      const shown = ring ? await opened(ring, letter) : letter
      if (flags.json) return printJson(io, shown)
      for (const line of toLines(shown)) await print(io, line)
    },
    { names: { stream } },
  )
}

/** Decrypted; what does not open is shown as it lies there, with the reason. */
async function opened(ring: KeyRing, letter: StoredDeadLetter): Promise<StoredDeadLetter> {
  if (!letter.event) return letter
  try {
    const from = { from: [letter.stream], allowPlaintext: true }
    return { ...letter, event: await decryptEvent(ring, letter.event, from) }
  } catch (error) {
    return { ...letter, undecodable: toError(error).message }
  }
}

/** What went wrong first, since that is what one looks for, then the event. */
export function toLines(letter: StoredDeadLetter): string[] {
  const { id, stream, group, position, error, reason, attempts, consumer, time, event } = letter
  const facts: [name: string, value: string][] = [
    ['id', id],
    ['stream', stream],
    ['group', group],
    ['error', error],
    ['reason', reason],
    ['attempts', String(attempts)],
    ['given up', `${time} by ${consumer}`],
    ['position', position],
    ['type', letter.type],
    ...(letter.undecodable === undefined ? [] : [['undecodable', letter.undecodable] as [string, string]]),
    ...(letter.original ? [['edited', 'yes; its original is kept'] as [string, string]] : []),
    ...(event ? eventFacts(event) : []),
  ]
  const lines = facts.map(([name, value]) => `${`${name}:`.padEnd(13)}${harmless(value)}`)
  return [...lines, ...(event ? dataLines(event.data) : fieldLines(letter.fields))]
}

const eventFacts = ({ id, time, key, headers }: Event): [string, string][] => [
  ['event id', id],
  ['event time', time],
  ...(key === undefined ? [] : [['key', key] as [string, string]]),
  ...Object.entries(headers).map(([name, value]): [string, string] => [`header ${name}`, value]),
]

const dataLines = (data: unknown): string[] => [
  'data:',
  ...JSON.stringify(data, null, 2)
    .split('\n')
    .map((line) => `  ${harmless(line)}`),
]

/** As they lie there, for what can't be decoded. */
function fieldLines(fields: readonly string[]): string[] {
  const lines = ['fields:']
  for (let at = 0; at + 1 < fields.length; at += 2)
    lines.push(`  ${harmless(fields[at]!)}: ${harmless(fields[at + 1]!)}`)
  return fields.length === 0 ? [] : lines
}
