import { afterEach, beforeEach, expect, test } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { useRedisServer } from '../../test/support/use-redis.ts'
import { stream } from '../core/stream.ts'
import { MemoryStreamLog } from '../testing/memory-log.ts'
import { Bus } from './bus.ts'
import { connect } from './connect.ts'

const server = useRedisServer()
const orders = stream('orders', {})
const ada = { actor: 'ada@example.com' }
let bus: Bus

beforeEach(async () => {
  bus = await connect({ url: server.url })
})
afterEach(() => bus.close(1_000))

test('a program starts a job, watches it, and runs it', async () => {
  await bus.publishUntyped('orders', [{ type: 'placed', data: 1 }])
  const seen: number[] = []
  await bus.consume(orders, { group: 'mailer' }, { '*': ({ event }) => void seen.push(event.data as number) })
  await until('the event', () => seen.length === 1)
  const params = { stream: 'orders', group: 'mailer' }
  const { id } = await bus.jobs.start({ kind: 'replay', params, ...ada })
  const states: string[] = []
  for await (const { state } of bus.jobs.watch(id, new AbortController().signal)) states.push(state)
  expect(states.at(-1)).toBe('done')
  await until('the event once more', () => seen.length === 2)
})

test('what a bus runs when it is closed goes on with another one', async () => {
  await bus.publishUntyped(
    'orders',
    Array.from({ length: 300 }, () => ({ type: 'placed', data: 1 })),
  )
  const params = { stream: 'orders', to: 'copies' }
  const { id } = await bus.jobs.start({ kind: 'copy', params, ratePerSecond: 50, ...ada })
  await until('some of it', async () => (await bus.jobs.get(id)).progress.done > 0)
  const other = await connect({ url: server.url })
  await bus.close(5_000)
  await until('the other one to run it', async () => (await other.jobs.get(id)).state === 'running')
  await other.jobs.limit(id, undefined, ada)
  const done = await until('its end', async () => {
    const job = await other.jobs.get(id)
    return job.state === 'done' ? job : undefined
  })
  await other.close(1_000)
  expect(done.result).toMatchObject({ copied: await total() })
})

test('a log without operations has no jobs', async () => {
  const memory = new Bus(new MemoryStreamLog())
  expect(await failureOf(() => memory.jobs)).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  await memory.close(1_000)
})

async function total(): Promise<number> {
  const reading = await connect({ url: server.url })
  const info = await reading.operations.streams.info('orders')
  await reading.close(1_000)
  return info!.length
}
