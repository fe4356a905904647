import { setMaxListeners } from 'node:events'
import { z } from '@hono/zod-openapi'
import { toError } from '../core/errors.ts'
import { compilePattern, type Pattern } from '../core/pattern.ts'
import { comparePositions, isEntryId } from '../core/position.ts'
import { mayStill } from './access.ts'
import { eventStream, type StreamedEvent } from './admin/event-stream.ts'
import { nameOf } from './admin/inputs.ts'
import { merged } from './admin/merged.ts'
import { addEndpoint, type ServerApp } from './endpoint.ts'
import { HttpError } from './http-error.ts'
import { LiveTails, type LiveEntry } from './live-tails.ts'
import type { ServerPorts } from './ports.ts'

const MAX_CURSOR_LENGTH = 8_000

const DESCRIPTION =
  'text/event-stream: first an event `listening` with the names of the streams, then a `message` for each entry, with ' +
  'stream, position, and id, type, time, key, data and headers of the event (`undecodable` where it is none). The id of ' +
  'each is the position of the entry, where one stream is asked for; else the positions in all of them. Sent again as ' +
  'Last-Event-ID it goes on exactly behind that entry. A comment comes where nothing else does for 15 s'

const endpoint = {
  method: 'get',
  path: '/api/events/live',
  tag: 'Events',
  scope: 'read',
  summary: 'The events as they come, from now on or from where a listener left off',
  query: z.object({
    stream: nameOf('stream name', 'user:events').optional().openapi({
      description: 'All that the app names, unless one is asked for',
    }),
    type: nameOf('event type', 'user.*').optional().openapi({
      description: 'A type, or a pattern: * for one token between dots, > for the rest',
    }),
  }),
  headers: z.object({ 'Last-Event-ID': z.string().max(MAX_CURSOR_LENGTH).optional() }),
  answers: { 200: { description: DESCRIPTION } },
} as const

/** Positions by stream: how far a listener is. */
type Cursor = Map<string, string>

/** Streams the events of streams to whoever listens. */
export function addLiveEvents(app: ServerApp, ports: ServerPorts): void {
  const { streams: port } = ports
  if (!port) return
  // All that listen end by it.
  setMaxListeners(0, port.stopping)
  const tails = new LiveTails(() => port.log())
  const listeners = { count: 0 }
  addEndpoint(app, endpoint, async (c, { query, headers }) => {
    const { stream, type } = query
    const names = stream === undefined ? port.declared.map(({ name }) => name) : [stream]
    const cursor = cursorOf(headers['Last-Event-ID'], stream)
    // So that a service without Redis answers with a problem, and none begins later than it says.
    for (const name of names) cursor.set(name, await beginning(tails, name, cursor.get(name)))
    const pattern = type === undefined ? undefined : patternOf(type)
    const events = (signal: AbortSignal) => listen(tails, { names, cursor, pattern, one: stream }, signal)
    return eventStream(c, events, {
      listeners,
      stopping: port.stopping,
      mayGoOn: () => mayStill(ports, c.req.raw.headers, 'read'),
    })
  })
}

interface Listening {
  names: readonly string[]
  cursor: Cursor
  pattern: Pattern | undefined
  /** The stream, where one was asked for. */
  one: string | undefined
}

async function* listen(
  tails: LiveTails,
  { names, cursor, pattern, one }: Listening,
  signal: AbortSignal,
): AsyncGenerator<StreamedEvent> {
  const id = () => (one === undefined ? textOf(names, cursor) : cursor.get(one)!)
  yield { event: 'listening', data: { streams: names }, id: id() }
  const sources = names.map((name) => fitting(tails.follow(name, cursor.get(name)!, signal), cursor, pattern))
  for await (const { stream, position, event } of merged(sources)) {
    cursor.set(stream, position)
    const data = event ? { stream, position, ...shown(event) } : { stream, position, undecodable: true }
    yield { event: 'message', data, id: id() }
  }
}

/** Entry by entry those that fit; the others are behind the listener as well. */
async function* fitting(
  pages: AsyncIterable<readonly LiveEntry[]>,
  cursor: Cursor,
  pattern: Pattern | undefined,
): AsyncGenerator<LiveEntry> {
  for await (const page of pages)
    for (const entry of page) {
      if (!pattern || (entry.event && pattern.matches(entry.event.type))) yield entry
      else cursor.set(entry.stream, entry.position)
    }
}

const shown = ({ id, type, time, key, data, headers }: NonNullable<LiveEntry['event']>) => ({
  id,
  type,
  time,
  key,
  data,
  headers,
})

const textOf = (names: readonly string[], cursor: Cursor): string =>
  new URLSearchParams(names.map((name): [string, string] => [name, cursor.get(name)!])).toString()

async function beginning(tails: LiveTails, stream: string, leftOff: string | undefined): Promise<string> {
  if (leftOff === undefined) return tails.end(stream)
  // Whoever goes on waits while Redis is away.
  const end = await tails.end(stream).catch(() => leftOff)
  // A stream that was made anew may end before, and whoever waits for more would hear nothing of it.
  return comparePositions(leftOff, end) < 0 ? leftOff : end
}

/** @throws HttpError for a pattern that is none */
function patternOf(type: string): Pattern {
  try {
    return compilePattern(type)
  } catch (error) {
    const { message } = toError(error)
    throw new HttpError('REQUEST_INVALID', message, { issues: [{ path: 'type', message }] })
  }
}

/** @throws HttpError for an id that is none of these streams */
function cursorOf(text: string | undefined, one: string | undefined): Cursor {
  if (text === undefined || text === '') return new Map()
  const cursor: Cursor = one === undefined ? new Map(new URLSearchParams(text)) : new Map([[one, text]])
  if ([...cursor.values()].every(isEntryId)) return cursor
  const message = 'is no id of an event that came from here with the same `stream`; leave it out'
  throw new HttpError('REQUEST_INVALID', `the Last-Event-ID ${message}`, {
    issues: [{ path: 'Last-Event-ID', message }],
  })
}
