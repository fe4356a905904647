import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { handle, type App } from '../src/app/app.ts'
import { connect } from '../src/bus/connect.ts'
import { Reject } from '../src/core/delivery.ts'
import { stream } from '../src/core/stream.ts'
import { correlatePublished } from '../src/middleware/correlate.ts'
import { linesOf, observedService } from './support/observed-service.ts'
import type { RunningService } from './support/running-service.ts'
import { until } from './support/until.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useRedisServer } from './support/use-redis.ts'
import { useOnce } from './support/use.ts'

const redis = useRedisServer()
const postgres = usePostgres()
const bus = useOnce(
  () => connect({ url: redis.url, middleware: [correlatePublished()] }),
  (it) => it.close(),
)
const orders = stream('orders', { placed: z.object({ total: z.number() }) })
const bills = stream('bills', { due: z.object({ total: z.number() }) })

let service: RunningService | undefined
afterEach(() => service?.stop())

async function serve(app: Partial<App>): Promise<RunningService> {
  service = observedService({ redis, postgres }, app)
  await service.service.start()
  return service
}

test('one id is on the lines of the request, of the worker, of the handler, and of what that published', async () => {
  const ledger = handle(
    orders,
    { group: 'ledger', retry: { attempts: 2, delayMs: 1 } },
    {
      placed: async ({ event, attempt }) => {
        service!.log.info({ attempt }, 'an order')
        if (attempt === 1) throw new Error('not yet')
        await bus.publish(bills, 'due', event.data)
      },
    },
  )
  const mailer = handle(
    bills,
    { group: 'mailer' },
    {
      due: () => {
        service!.log.info({}, 'a bill')
        throw new Reject('no address')
      },
    },
  )
  const it = await serve({ streams: [orders, bills], handlers: [ledger, mailer] })
  await it.publish('orders', 'placed', { total: 1 }, { 'x-correlation-id': 'order-7' })
  await until('the dead letter', () => linesOf(it, 'an entry goes to the dead letters').length, 45_000)
  for (const [message, count] of [
    ['A request was answered', 1],
    ['an order', 2],
    ['a handler failed and is retried', 1],
    ['a bill', 1],
    ['an entry goes to the dead letters', 1],
  ] as const)
    expect(linesOf(it, message).map(({ correlationId }) => correlationId)).toEqual(
      Array.from({ length: count }, () => 'order-7'),
    )
})

test('what comes of no request goes by the id of its event', async () => {
  const payments = stream('payments', { placed: z.object({ total: z.number() }) })
  const ledger = handle(payments, { group: 'ledger' }, { placed: () => service!.log.info({}, 'a payment') })
  const it = await serve({ streams: [payments], handlers: [ledger] })
  const position = await bus.publish(payments, 'placed', { total: 1 })
  await until('it', () => linesOf(it, 'a payment').length)
  expect(linesOf(it, 'a payment')[0]).toMatchObject({ correlationId: position })
})

test('a request without a harmless id gets one of its own, and tells it', async () => {
  const it = await serve({ streams: [orders] })
  await it.publish('orders', 'placed', { total: 1 }, { 'x-request-id': 'a"b' })
  const [line] = await until('the line', () => {
    const lines = linesOf(it, 'A request was answered')
    return lines.length > 0 ? lines : undefined
  })
  expect(line!['correlationId']).toMatch(/^[\da-f-]{36}$/)
})

test('the same request again, under its idempotency key, is the same whatever id it has', async () => {
  const it = await serve({ streams: [orders] })
  const again = async (id: string) => {
    const headers = { 'idempotency-key': 'order-9', 'x-correlation-id': id }
    const { status, body } = await it.publish('orders', 'placed', { total: 1 }, headers)
    return { status, body }
  }
  const first = await again('first')
  expect(await again('second')).toEqual(first)
  expect(first.status).toBe(201)
})
