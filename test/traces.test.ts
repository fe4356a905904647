import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { handle, type App } from '../src/app/app.ts'
import { connect } from '../src/bus/connect.ts'
import { Publisher } from '../src/bus/publisher.ts'
import { namedFields } from '../src/core/codec.ts'
import type { PrepareEvents } from '../src/core/outbox.ts'
import { Reject } from '../src/core/delivery.ts'
import { FIRST_POSITION } from '../src/core/position.ts'
import { stream } from '../src/core/stream.ts'
import { openPostgres } from '../src/postgres/open-postgres.ts'
import { openTelemetry } from '../src/telemetry/tracing/open-telemetry.ts'
import { observedService } from './support/observed-service.ts'
import type { RunningService } from './support/running-service.ts'
import { until } from './support/until.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useRedisServer } from './support/use-redis.ts'
import { useOnce } from './support/use.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = 'b7ad6b7169203331'
const traceparent = `00-${TRACE}-${CALLER}-01`

const exporter = new InMemorySpanExporter()
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  trace.setGlobalTracerProvider(provider)
})
afterAll(() => {
  trace.disable()
  context.disable()
})
beforeEach(() => exporter.reset())

const redis = useRedisServer()
const server = usePostgres()
const tracing = openTelemetry()
const bus = useOnce(
  () => connect({ url: redis.url, tracing }),
  (it) => it.close(),
)
const postgres = useOnce(
  () => openPostgres({ url: server.url, tracing }),
  (it) => it.close(),
)

let names = 0
const declare = () => stream(`orders-${names++}`, { placed: z.object({ total: z.number() }) })

let service: RunningService | undefined
afterEach(async () => {
  await service?.stop()
  service = undefined
})

async function serve(app: Partial<App>): Promise<RunningService> {
  service = observedService({ redis, postgres: server }, app, { TRACE_ENABLED: 'true' })
  await service.service.start()
  return service
}

const spans = (name: string): ReadableSpan[] =>
  exporter.getFinishedSpans().filter((span) => span.name === name)

/** Spans as soon as there are so many of that name. */
const ended = (name: string, count = 1): Promise<ReadableSpan[]> =>
  until(`${count} × ${name}`, () => (spans(name).length >= count ? spans(name) : undefined))

const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId
const parentOf = (span: ReadableSpan | undefined) => span?.parentSpanContext?.spanId
const linksOf = (span: ReadableSpan | undefined) => span?.links.map((link) => link.context.spanId)

describe('a request', () => {
  test('is one trace with what it published, what that made a handler do, and its SQL', async () => {
    const orders = declare()
    const ledger = handle(
      orders,
      { group: 'ledger' },
      {
        placed: postgres.inbox.handler(async ({ event }, tx) => {
          await tx.query('SELECT $1::int', [event.data.total])
          await postgres.outbox.add(tx, orders, [])
        }),
      },
    )
    const it = await serve({ streams: [orders], handlers: [ledger] })
    const sent = await it.publish(orders.name, 'placed', { total: 1 }, { traceparent, tracestate: 'v=1' })
    const { messageId } = sent.body
    const [request] = await ended('POST /api/events/custom')
    const [send] = await ended(`send ${orders.name}`)
    const [run] = await ended(`process ${orders.name}`)
    const [sql] = await ended('TRANSACTION millrace_inbox')
    const traces = [request, send, run, sql].map((span) => span!.spanContext().traceId)
    expect(new Set(traces)).toEqual(new Set([TRACE]))
    expect([request, send, run, sql].map(parentOf)).toEqual([CALLER, idOf(request), idOf(send), idOf(run)])
    expect(linksOf(run)).toEqual([idOf(send)])
    const [receive] = await ended(`receive ${orders.name}`)
    const [ack] = await ended(`ack ${orders.name}`)
    expect([receive, ack].map(parentOf)).toEqual([undefined, undefined])
    expect(linksOf(receive)).toEqual([idOf(send)])
    const group = { 'messaging.destination.name': orders.name, 'messaging.consumer.group.name': 'ledger' }
    expect(receive!.attributes).toMatchObject({ ...group, 'messaging.operation.type': 'receive' })
    expect(ack!.attributes).toMatchObject({
      ...group,
      'messaging.operation.name': 'ack',
      'messaging.operation.type': 'settle',
    })

    const [entry] = await bus.log.read(orders.name, FIRST_POSITION, 1)
    const fields = namedFields(entry!.fields)
    expect(fields.get('traceparent')).toBe(`00-${TRACE}-${idOf(send)}-01`)
    expect(fields.get('tracestate')).toBe('v=1')

    expect(request!.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/api/events/custom',
      'http.response.status_code': 201,
      'url.path': '/api/events/custom',
      'url.scheme': 'http',
    })
    expect(send!.attributes).toEqual({
      'messaging.system': 'redis',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': orders.name,
      'messaging.message.id': messageId,
    })
    expect(run!.attributes).toEqual({
      'messaging.system': 'redis',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': orders.name,
      'messaging.consumer.group.name': 'ledger',
      'messaging.message.id': messageId,
      'millrace.attempt': 1,
    })
    expect(sql!.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.operation.name': 'TRANSACTION',
      'db.collection.name': 'millrace_inbox',
    })
    await ended('INSERT millrace_audit')
  })

  test('that is refused has no error, and one to nowhere no route; a token in a query is in no span', async () => {
    const it = await serve({})
    await it.post('/api/events/custom?token=canary', {}, { traceparent: 'garbage' })
    await it.post('/nowhere/canary-free?token=canary', {})
    const [refused] = await ended('POST /api/events/custom')
    expect(refused!.attributes['http.response.status_code']).toBe(400)
    expect(refused!.status.code).toBe(SpanStatusCode.UNSET)
    expect(refused!.parentSpanContext).toBeUndefined()
    const [nowhere] = await ended('POST')
    expect(nowhere!.attributes['http.route']).toBeUndefined()
    expect(JSON.stringify([refused, nowhere].map((span) => [span!.attributes, span!.events]))).not.toContain(
      'token',
    )
  })

  test('under its idempotency key is the same in another trace', async () => {
    const orders = declare()
    const it = await serve({ streams: [orders] })
    const again = async () => {
      const sent = await it.publish(orders.name, 'placed', { total: 1 }, { 'idempotency-key': 'k' })
      return { status: sent.status, body: sent.body }
    }
    expect(await again()).toEqual(await again())
    expect(
      new Set((await ended(`send ${orders.name}`, 2)).map((span) => span.spanContext().traceId)).size,
    ).toBe(2)
  })
})

describe('a handler', () => {
  test('has a span for each attempt, with the same link; its errors are told without secrets', async () => {
    const orders = declare()
    await bus.consume(
      orders,
      { group: 'g', retry: { attempts: 3, delayMs: 1 } },
      {
        placed: async ({ attempt }) => {
          if (attempt < 3) throw new Error('at redis://ann:canary@host')
        },
      },
    )
    await bus.publish(orders, 'placed', { total: 1 })
    const runs = await ended(`process ${orders.name}`, 3)
    const [send] = spans(`send ${orders.name}`)
    expect(runs.map(linksOf)).toEqual([[idOf(send)], [idOf(send)], [idOf(send)]])
    expect(runs.map((run) => run.attributes['millrace.attempt'])).toEqual([1, 2, 3])
    const { ERROR, UNSET } = SpanStatusCode
    expect(runs.map((run) => run.status.code)).toEqual([ERROR, ERROR, UNSET])
    expect(runs[0]!.events).toMatchObject([
      {
        name: 'exception',
        attributes: { 'exception.type': 'Error', 'exception.message': 'at redis://ann:****@host' },
      },
    ])
    expect(JSON.stringify(runs.map(({ status, events }) => [status, events]))).not.toContain('canary')
  })

  test('that rejects an event ends in an error of its kind', async () => {
    const orders = declare()
    await bus.consume(
      orders,
      { group: 'g' },
      {
        placed: () => {
          throw new Reject('not for us')
        },
      },
    )
    await bus.publish(orders, 'placed', { total: 1 })
    const [run] = await ended(`process ${orders.name}`)
    expect(run!.status).toEqual({ code: SpanStatusCode.ERROR, message: 'not for us' })
    expect(run!.attributes['error.type']).toBe('Reject')
  })

  test.each(['garbage', '', `00-${TRACE}-${CALLER}-01-more`, '\u0000'.repeat(1000)])(
    'runs what carries the traceparent %j, in a trace of its own',
    async (text) => {
      const orders = declare()
      const fields = ['type', 'placed', 'data', '{"total":1}', 'traceparent', text, 'tracestate', text]
      await bus.log.append(orders.name, [{ fields }])
      const seen: unknown[] = []
      await bus.consume(orders, { group: 'g' }, { placed: ({ event }) => void seen.push(event.data) })
      const [run] = await ended(`process ${orders.name}`)
      expect(seen).toEqual([{ total: 1 }])
      expect(linksOf(run)).toEqual([])
      expect(run!.parentSpanContext).toBeUndefined()
    },
  )

  test('of a batch has one span, with a link to each that published', async () => {
    const orders = declare()
    for (const total of [1, 2]) await bus.publish(orders, 'placed', { total })
    await bus.publishMany(
      orders,
      [3, 4].map((total) => ({ type: 'placed', data: { total } })),
    )
    const batch = { size: 4, waitMs: 1_000 }
    await bus.consumeBatches(orders, { group: 'g', batch }, () => {})
    const [run] = await ended(`process ${orders.name}`)
    const sends = spans(`send ${orders.name}`)
    expect(run!.attributes['messaging.batch.message_count']).toBe(4)
    expect(sends.map((send) => send.attributes['messaging.batch.message_count'])).toEqual([
      undefined,
      undefined,
      2,
    ])
    const [one, two, many] = sends.map(idOf)
    expect(linksOf(run)).toEqual([one, two, many, many])
    expect(run!.parentSpanContext).toBeUndefined()
  })

  test('is linked to the transaction that added its event to the outbox', async () => {
    const orders = declare()
    const source = declare()
    await bus.consume(
      source,
      { group: 'g' },
      {
        placed: postgres.inbox.handler(async ({ event }, tx) => {
          await outbox.outbox.add(tx, orders, [{ type: 'placed', data: event.data }])
        }),
      },
    )
    const publisher = new Publisher(bus.log, { tracing })
    const prepare: PrepareEvents = (to, events) => publisher.prepare(to, events)
    const outbox = await openPostgres({ url: server.url, tracing, prepare })
    await outbox.relay(bus.log).start()
    await bus.consume(orders, { group: 'g' }, { placed: () => {} })
    await bus.publish(source, 'placed', { total: 1 })
    const [run] = await ended(`process ${orders.name}`)
    const [first] = await ended(`process ${source.name}`)
    expect(run!.spanContext().traceId).toBe(first!.spanContext().traceId)
    const [insert] = await ended('INSERT millrace_outbox')
    expect(parentOf(insert)).toBe(idOf(spans('TRANSACTION millrace_inbox')[0]))
    await outbox.close()
  })
})

describe('publishing', () => {
  test('that fails is told with its code', async () => {
    const orders = declare()
    await bus.publish(orders, 'placed', { total: 1 }, { idempotencyKey: 'k' })
    await expect(bus.publish(orders, 'placed', { total: 2 }, { idempotencyKey: 'k' })).rejects.toThrow(
      'idempotency key',
    )
    const sends = await ended(`send ${orders.name}`, 2)
    expect(sends[1]!.attributes['error.type']).toBe('IDEMPOTENCY_CONFLICT')
    expect(sends[1]!.status.code).toBe(SpanStatusCode.ERROR)
  })

  test('leaves the context that an event brings', async () => {
    const orders = declare()
    await bus.publish(orders, 'placed', { total: 1 }, { headers: { traceparent } })
    const [entry] = await bus.log.read(orders.name, FIRST_POSITION, 1)
    expect(entry!.fields.filter((name) => name === 'traceparent')).toHaveLength(1)
    expect(namedFields(entry!.fields).get('traceparent')).toBe(traceparent)
  })
})
