import { dataField, namedFields } from '../core/codec.ts'
import type { Event } from '../core/event.ts'
import { isDeeperThan } from '../core/json-depth.ts'
import type { Entry } from '../core/stream-log.ts'

/**
 * The JSON of an event's data as it stood in the entry, to the letter: parsed and written anew, long numbers would be
 * others. Where no field held it as JSON, the JSON of what the data is; of what can't be decoded, all fields.
 */
export function payloadText({ fields }: Entry, event: Event | undefined): string {
  // What Millrace writes most of the time: nothing but a type and data.
  if (event && fields.length === 4 && fields[0] === 'type' && fields[2] === 'data') return fields[3]!
  const named = namedFields(fields)
  if (!event) return fieldsText(named)
  const field = dataField(named)
  const text = field && named.get(field)
  // The field is the data itself where its content type is another than JSON.
  if (text !== undefined && text !== event.data) return text
  try {
    return JSON.stringify(event.data) ?? 'null'
  } catch {
    return fieldsText(named)
  }
}

const fieldsText = (named: Map<string, string>): string => JSON.stringify(Object.fromEntries(named))

/** Deeper values can't be turned into JSON again by everybody who would have to. */
const MAX_DEPTH = 500

/** What a payload is to whoever reads it: its value, or its text where that is no JSON or nested too deep. */
export function payloadValue(text: string): unknown {
  if (isDeeperThan(MAX_DEPTH, text)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
