import type { Event } from '../core/event.ts'
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
  const text = dataField(named)
  // The field is the data itself where its content type is another than JSON.
  if (text !== undefined && text !== event.data) return text
  try {
    return JSON.stringify(event.data) ?? 'null'
  } catch {
    return fieldsText(named)
  }
}

function namedFields(fields: readonly string[]): Map<string, string> {
  const named = new Map<string, string>()
  for (let index = 0; index + 1 < fields.length; index += 2) named.set(fields[index]!, fields[index + 1]!)
  return named
}

const fieldsText = (named: Map<string, string>): string => JSON.stringify(Object.fromEntries(named))

/** The field from which the codec takes the data. */
function dataField(named: Map<string, string>): string | undefined {
  if (named.has('type') && named.has('data')) return named.get('data')
  if ((named.has('eventType') || named.has('event')) && named.has('payload')) return named.get('payload')
  return named.has('requestId') ? named.get('data') : undefined
}

/** Deeper values can't be turned into JSON again by everybody who would have to. */
const MAX_DEPTH = 500

/** What a payload is to whoever reads it: its value, or its text where that is no JSON or nested too deep. */
export function payloadValue(text: string): unknown {
  if (nestsDeeperThan(MAX_DEPTH, text)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function nestsDeeperThan(limit: number, text: string): boolean {
  if (text.length <= limit) return false
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const sign = text[index]
    if (sign === '"') inString = !inString
    else if (inString) index += sign === '\\' ? 1 : 0
    else if (sign === '[' || sign === '{') depth++
    else if (sign === ']' || sign === '}') depth--
    if (depth > limit) return true
  }
  return false
}
