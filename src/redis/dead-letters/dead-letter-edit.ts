import { dataField, encodeEvent, namedFields } from '../../core/codec.ts'
import type { DeadLetterChange } from '../../core/dead-letters.ts'
import { InvalidError } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import { COPY_FIELDS } from '../keys.ts'
import { MAX_COPY_PARTS } from '../replay/replay-lua.ts'

/** What the script is to do: `set` fields of what it finds, put `all` of them in their place, or go back. */
export interface Edit {
  readonly mode: 'set' | 'all' | 'original'
  readonly pairs: readonly string[]
}

/**
 * @param fields the letter's own as they are now, by whose names a single attribute is found
 * @throws InvalidError or MillraceError `EVENT_INVALID`, `NAME_INVALID` for what can't be written
 */
export function toEdit(change: DeadLetterChange, fields: readonly string[]): Edit {
  if ('original' in change) return { mode: 'original', pairs: [] }
  if ('fields' in change) return { mode: 'all', pairs: checkFields(change.fields) }
  const named = namedFields(fields)
  // The ciphertext is bound to both, and would not open any more.
  if (named.has('encryption') && named.has('ciphertext'))
    throw invalid('change', 'would break what is encrypted: publish the event anew, then discard this letter')
  const pairs = [...typePair(change.type, named), ...dataPair(change.data, named)]
  if (pairs.length === 0) throw invalid('change', 'names nothing: give data, type, fields or original')
  return { mode: 'set', pairs }
}

function typePair(type: string | undefined, named: ReadonlyMap<string, string>): string[] {
  if (type === undefined) return []
  checkName('event type', type)
  return [['type', 'eventType', 'event'].find((name) => named.has(name)) ?? 'type', type]
}

function dataPair(data: unknown, named: ReadonlyMap<string, string>): string[] {
  if (data === undefined) return []
  const field = named.size === 0 ? 'data' : dataField(named)
  if (!field)
    throw invalid(
      'data',
      'has no field of its own in this entry: all of its fields are the data; edit fields',
    )
  const contentType = named.get('datacontenttype')
  const headers = contentType === undefined ? {} : { datacontenttype: contentType }
  const written = namedFields(encodeEvent({ type: 'edited', data, headers }))
  return [field, written.get('data')!]
}

function checkFields(fields: readonly string[]): readonly string[] {
  const wellFormed = (part: unknown) => typeof part === 'string' && part.isWellFormed()
  if (!Array.isArray(fields) || fields.length === 0 || fields.length % 2 !== 0 || !fields.every(wellFormed))
    throw invalid('fields', 'must be names and values in turn, all of them texts, and not empty')
  if (fields.length > MAX_COPY_PARTS) throw invalid('fields', `can be ${MAX_COPY_PARTS / 2} at most`)
  const reserved = fields.find((part, index) => index % 2 === 0 && RESERVED.has(part))
  if (reserved !== undefined)
    throw invalid('fields', `can not contain "${reserved}": Millrace writes it itself`)
  return fields
}

const RESERVED: ReadonlySet<string> = new Set(Object.values(COPY_FIELDS))

const invalid = (path: string, message: string): InvalidError =>
  new InvalidError('EVENT_INVALID', 'the dead letter can not be edited like this', [{ path, message }])
