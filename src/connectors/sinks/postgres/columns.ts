import type { SinkEvent } from '../../../core/sink.ts'

const OWN = ['id', 'type', 'time', 'key', 'source', 'stream', 'position', 'data'] as const

/** What a column holds of an event. */
export type ColumnPath = (typeof OWN)[number] | `data.${string}` | `headers.${string}`

export const isColumnPath = (path: unknown): path is ColumnPath =>
  typeof path === 'string' &&
  ((OWN as readonly string[]).includes(path) ||
    (/^(?:data|headers)\../.test(path) && !path.split('.').includes('')))

/** Whether it is the data, or a part of them. */
export const isOfData = (path: ColumnPath): boolean => path === 'data' || path.startsWith('data.')

/** Reads a column of an event and its data; null for what is not there. */
export type ColumnReader = (event: SinkEvent, data: unknown) => unknown

/** Made once for all events: to take paths apart for each costs more than to follow them. */
export function readerOf(path: ColumnPath): ColumnReader {
  switch (path) {
    case 'id':
      return ({ event, part }) => (part === 0 ? event.id : `${event.id}/${part}`)
    case 'source':
      return ({ event, stream }) => event.headers['source'] ?? stream
    case 'stream':
    case 'position':
      return (event) => event[path]
    case 'type':
    case 'time':
    case 'key':
      return ({ event }) => event[path] ?? null
    case 'data':
      return (_, data) => data ?? null
  }
  const name = path.slice(path.indexOf('.') + 1)
  if (path.startsWith('headers.')) return ({ event }) => event.headers[name] ?? null
  const names = name.split('.')
  return (_, data) => partOf(data, names)
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
