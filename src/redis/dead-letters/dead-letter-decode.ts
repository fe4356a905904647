import { decodeEntry, namedFields } from '../../core/codec.ts'
import type { StoredDeadLetter } from '../../core/dead-letters.ts'
import type { MillraceError } from '../../core/errors.ts'
import { positionTime } from '../../core/position.ts'
import type { LetterRow } from './dead-letter-scripts.ts'

/** What a row of the scripts means. Nothing in a letter is trusted: anybody can write to a stream. */
export function toLetter(stream: string, [id, own, reasons, edit]: LetterRow): StoredDeadLetter {
  const why = namedFields(reasons)
  const text = (name: string) => why.get(`deadletter-${name}`) ?? ''
  const fields = edit === '' ? own : (JSON.parse(edit) as string[])
  const named = namedFields(fields)
  return {
    id,
    stream: text('stream') || stream,
    group: text('group'),
    position: text('position'),
    type: named.get('type') ?? named.get('eventType') ?? named.get('event') ?? stream,
    ...decoded(stream, text('position'), fields),
    error: text('error'),
    reason: text('reason'),
    attempts: Number(text('attempts')),
    consumer: text('consumer'),
    time: text('time') || new Date(positionTime(id)).toISOString(),
    fields,
    ...(edit === '' ? {} : { original: own }),
  }
}

function decoded(
  stream: string,
  position: string,
  fields: readonly string[],
): Pick<StoredDeadLetter, 'event' | 'undecodable'> {
  if (fields.length === 0) return { undecodable: 'the entry was trimmed; nothing is left of it' }
  try {
    return { event: decodeEntry(stream, { position, fields }) }
  } catch (error) {
    return { undecodable: (error as MillraceError).message }
  }
}
