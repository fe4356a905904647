import { inspect } from 'node:util'
import { expect, test, vi } from 'vitest'
import { EventHubsServer, unauthorized, type Verdict } from '../../../test/support/event-hubs/server.ts'
import { aliveSignal, connectedSink, context, sinkEvent } from '../../../test/support/event-hubs/sink-lab.ts'
import { useEventHubs } from '../../../test/support/event-hubs/use-event-hubs.ts'
import { createAuthority } from '../../../test/support/certificates.ts'
import { failureOf } from '../../../test/support/until.ts'
import { ConfigurationError, EventHubsError } from '../../core/connector-errors.ts'
import { eventHubsSink } from './event-hubs.ts'
import { loadPeer } from './event-hubs/client.ts'

const server = useEventHubs()
const ids = () =>
  server
    .hub('events')
    .messages()
    .map(({ message }) => String(message.message_id))
const firstOnly = (verdict: Verdict) => () => {
  server.judge = () => 'accept'
  return verdict
}
const failedWrite = (sink: Awaited<ReturnType<typeof connectedSink>>, signal = aliveSignal()) =>
  failureOf(Promise.resolve(sink.write([sinkEvent(0), sinkEvent(1)], signal)))

test.each<[string, Verdict, number]>([
  ['before it is stored: nothing is lost', 'cutBefore', 2],
  ['after it is stored: a repeat has the same ids', 'cutAfterStoring', 4],
])('a socket that is cut %s', async (_, verdict, stored) => {
  const sink = await connectedSink(server, 1_500)
  server.judge = firstOnly(verdict)
  const error = await failedWrite(sink)
  expect(error).toBeInstanceOf(EventHubsError)
  expect(error.code).toBe('SINK_UNAVAILABLE')
  await sink.connect(context())
  await sink.write([sinkEvent(0), sinkEvent(1)], aliveSignal())
  expect(ids()).toHaveLength(stored)
  expect(new Set(ids())).toEqual(new Set(['1769594400000-0', '1769594400000-1']))
  await sink.close()
})

test('a server that does not answer is given up after the limit, and at once when the write is aborted', async () => {
  const sink = await connectedSink(server, 1_500)
  server.judge = () => 'hang'
  expect((await failedWrite(sink)).code).toBe('SINK_UNAVAILABLE')
  await sink.close()
  const patient = await connectedSink(server, 60_000)
  const abort = new AbortController()
  const failure = failedWrite(patient, abort.signal)
  abort.abort(new Error('the time is over'))
  expect((await failure).message).toBe('the time is over')
  await patient.close()
})

test('a server that is away is not there for now, and one that is back is', async () => {
  const sink = await connectedSink(server, 1_500)
  await server.away()
  const error = await failureOf(sink.connect(context()))
  expect(error).toBeInstanceOf(EventHubsError)
  expect(error.message).toMatch(/^Event Hubs can not be reached: .*ECONNREFUSED/)
  expect((await failedWrite(sink)).code).toBe('SINK_UNAVAILABLE')
  await server.back()
  await sink.connect(context())
  await sink.write([sinkEvent(0)], aliveSignal())
  expect(ids()).toHaveLength(1)
  await sink.close()
})

test('a key that is refused is tried on, and works when it comes right', async () => {
  const connectionString = server.connectionString({ hub: 'events' })
  const { key } = server
  server.rotateKey('another one')
  const sink = eventHubsSink({ connectionString })
  const error = await failureOf(sink.connect(context()))
  expect(error).toBeInstanceOf(EventHubsError)
  expect(error).toMatchObject({ code: 'SINK_UNAVAILABLE' })
  expect(error.message).toContain('does not let it send; see to its key or role')
  server.rotateKey(key)
  await sink.connect(context())
  server.judge = firstOnly(unauthorized)
  expect((await failedWrite(sink)).code).toBe('SINK_UNAVAILABLE')
  await sink.write([sinkEvent(0)], aliveSignal())
  await sink.close()
})

test('an event hub that does not exist needs somebody who mends the name', async () => {
  const sink = eventHubsSink({ connectionString: server.connectionString({ hub: 'nothing' }) })
  const error = await failureOf(sink.connect(context()))
  expect(error).toBeInstanceOf(ConfigurationError)
  expect(error.message).toContain('"nothing" does not exist there')
})

test('no secret gets into errors, their causes, or the sink itself', async () => {
  const canary = 'CANARY0secret0canary0secret0canary0secret0='
  const connectionString = server.connectionString({ hub: 'events', key: canary })
  const sink = eventHubsSink({ connectionString })
  const refused = await failureOf(sink.connect(context()))
  const wrong = await failureOf(() =>
    eventHubsSink({ connectionString: `${connectionString};Endpoint=${canary}` }),
  )
  server.judge = () => ({
    condition: 'amqp:internal-error',
    description: `the key ${canary} is not good; SharedAccessKey=${canary};sig=${canary}`,
  })
  server.rotateKey(canary)
  await sink.connect(context())
  const echoed = await failedWrite(sink)
  expect(echoed.message).toContain('****')
  for (const one of [refused, wrong, echoed, sink]) {
    expect(inspect(one, { depth: 20, showHidden: true })).not.toContain('CANARY')
    expect(JSON.stringify(one)).not.toContain('CANARY')
  }
  await sink.close()
})

test('with a credential of Microsoft Entra, over TLS', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
  const secured = await EventHubsServer.start({ tls: await (await createAuthority()).issue() })
  try {
    const token = 'a.token.of.entra'
    const getToken = async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 })
    const sink = eventHubsSink({
      fullyQualifiedNamespace: `localhost:${secured.port}`,
      eventHub: 'events',
      credential: { getToken },
    })
    expect((await failureOf(sink.connect(context()))).code).toBe('SINK_UNAVAILABLE')
    secured.jwts.add(token)
    await sink.connect(context())
    await sink.write([sinkEvent(0)], aliveSignal())
    expect(secured.hub('events').data()).toEqual([{ number: 0 }])
    await sink.close()
  } finally {
    await secured.stop()
    vi.unstubAllEnvs()
  }
})

test('a package that is not installed is named, with how to install it', async () => {
  const error = await failureOf(loadPeer('@azure/no-such-package'))
  expect(error).toBeInstanceOf(ConfigurationError)
  expect(error.message).toBe(
    'the sink for Event Hubs needs @azure/no-such-package: npm install @azure/no-such-package',
  )
})
