import type { SinkEvent } from '../../../core/sink.ts'

const OWN = ['id', 'type', 'time', 'key', 'source', 'stream', 'position', 'data'] as const

/** What a column holds of an event. */
export type ColumnPath = (typeof OWN)[number] | `data.${string}` | `headers.${string}`

export const isColumnPath = (path: unknown): path is ColumnPath =>
  typeof path === 'string' &&
  ((OWN as readonly string[]).includes(path) ||
    (/^(?:data|headers)\../.test(path) && !path.split('.').includes('')))

/** Null for what is not there. */
export function valueAt({ event, stream, position, part }: SinkEvent, path: ColumnPath): unknown {
  switch (path) {
    case 'id':
      return part === 0 ? event.id : `${event.id}/${part}`
    case 'source':
      return event.headers['source'] ?? stream
    case 'stream':
      return stream
    case 'position':
      return position
    case 'type':
    case 'time':
    case 'key':
    case 'data':
      return event[path] ?? null
  }
  if (path.startsWith('headers.')) return event.headers[path.slice('headers.'.length)] ?? null
  return partOf(event.data, path.split('.').slice(1))
}

/** Only what the data has itself: names are those of whoever publishes. */
function partOf(data: unknown, names: readonly string[]): unknown {
  let value = data
  for (const name of names) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null
    value = (value as Record<string, unknown>)[name]
  }
  return value ?? null
}
