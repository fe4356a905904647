import { Hono } from 'hono'
import { expect, it } from 'vitest'
import { pause } from '../../core/pause.ts'
import type { ServerEnv } from '../server-env.ts'
import { eventStream, type EventStreamOptions, type StreamedEvent } from './event-stream.ts'

/** What a client hears of these events, to the end, and how many listen then. */
function served(
  events: (signal: AbortSignal) => AsyncIterable<StreamedEvent>,
  options: Partial<EventStreamOptions> = {},
) {
  const listeners = { count: 0 }
  const stopping = new AbortController()
  const app = new Hono<ServerEnv>()
  app.get('/', (c) =>
    eventStream(c, events, {
      listeners,
      stopping: stopping.signal,
      mayGoOn: async () => true,
      ...options,
    }),
  )
  return { app, listeners, stopping }
}

async function* silence(signal: AbortSignal): AsyncGenerator<StreamedEvent> {
  await pause(3_600_000, signal)
  yield* []
}

it('events go over the wire as they are made, none of which can break out of its lines', async () => {
  async function* two(): AsyncGenerator<StreamedEvent> {
    yield { event: 'a', data: { text: 'one\ntwo\n\nevent: b' }, id: '7' }
    yield { event: 'b', data: {} }
  }
  const { app, listeners } = served(two)
  const answer = await app.request('/')
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  const blocks = (await answer.text()).split('\n\n').filter(Boolean)
  expect(blocks).toEqual([
    'retry: 2000',
    String.raw`id: 7
event: a
data: {"text":"one\ntwo\n\nevent: b"}`,
    'event: b\ndata: {}',
  ])
  expect(listeners.count).toBe(0)
})

it('a comment goes where there is nothing to tell, until the caller may not go on', async () => {
  let asked = 0
  const mayGoOn = async () => ++asked < 3
  const { app, listeners } = served(silence, { heartbeatMs: 5, mayGoOn })
  const text = await (await app.request('/')).text()
  expect(text).toMatch(/^retry: 2000\n\n(?:: \n\n){2,}$/)
  expect({ asked, ...listeners }).toEqual({ asked: 3, count: 0 })
})

it('a caller who may not go on hears nothing more, however much there is to tell', async () => {
  async function* endless(): AsyncGenerator<StreamedEvent> {
    for (;;) {
      await pause(1, new AbortController().signal)
      yield { event: 'a', data: {} }
    }
  }
  const { app, listeners } = served(endless, { heartbeatMs: 20, mayGoOn: async () => false })
  expect(await (await app.request('/')).text()).toContain('event: a')
  expect(listeners.count).toBe(0)
})

it('a stream ends by the service, and by the client, and nobody counts as a listener who never read', async () => {
  const { app, listeners, stopping } = served(silence)
  await app.request('/', { method: 'HEAD' })
  await app.request('/')
  const reader = (await app.request('/')).body!.getReader()
  await reader.read()
  expect(listeners.count).toBe(1)
  await reader.cancel()
  expect(listeners.count).toBe(0)
  const text = (await app.request('/')).text()
  stopping.abort()
  expect(await text).toBe('retry: 2000\n\n')
  expect(listeners.count).toBe(0)
})
