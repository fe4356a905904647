import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../../test/support/until.ts'
import { GROUP, Lab } from '../../test/support/worker-lab.ts'
import { startTestRedis, type TestServer } from '../engines/test-servers.ts'
import { openConnection } from '../redis/connections/servers.ts'
import { RedisStreamLog } from '../redis/redis-log.ts'

const EVENTS = 5_000
const WORKERS = 3
const CALLS = 50

let server: TestServer
let labs: Lab[]

beforeEach(async () => {
  server = await startTestRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
  labs = []
})
afterEach(async () => {
  await Promise.all(labs.map((lab) => lab.close()))
  await server.stop()
})

/** A lab on connections of its own, as another process would have them. */
async function openLab(stream?: string): Promise<Lab> {
  const log = await RedisStreamLog.open({ url: server.url })
  const lab = new Lab(log, () => log.close(), stream)
  labs.push(lab)
  return lab
}

test('Redis is killed and started again under load: nothing that was accepted is lost', async () => {
  const publisher = await openLab()
  const { stream } = publisher
  const seen = new Map<string, number>()
  const workers = await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      const lab = await openLab(stream)
      return lab.start(({ position }) => void seen.set(position, (seen.get(position) ?? 0) + 1), {
        concurrency: 20,
        deadAfterMs: 1_500,
      })
    }),
  )
  const publishing = Array.from({ length: CALLS }, async (_, call) => {
    await until('its turn', () => seen.size >= (call * EVENTS) / CALLS / 2, 30_000)
    const entries = Array.from({ length: EVENTS / CALLS }, (_, number) => ({
      fields: ['type', 'number', 'data', String(number)],
      idempotencyKey: `${call}:${number}`,
    }))
    return publisher.log.append(stream, entries)
  })
  for (const share of [0.1, 0.4]) {
    await until('some', () => seen.size > EVENTS * share)
    await server.kill('SIGKILL')
    await server.restart()
  }
  const accepted = (await Promise.all(publishing)).flat().filter((result) => typeof result === 'string')
  expect(accepted.length).toBe(EVENTS)
  await until('all of them', () => accepted.every((position) => seen.has(position)), 30_000)

  const admin = await openConnection({ url: server.url }, 'test-admin')
  const pending = async () => (await admin.send<[number]>(['XPENDING', stream, GROUP]))[0]
  await until('the settlement', async () => (await pending()) === 0)
  expect(await admin.send(['XLEN', stream])).toBe(EVENTS)
  expect(workers.reduce((sum, { status }) => sum + status.deadLettered + status.failed, 0)).toBe(0)
  await Promise.all(workers.map((worker) => worker.stop(5_000)))
  const consumers = await admin.send<string[][]>(['XINFO', 'CONSUMERS', stream, GROUP])
  expect(consumers.map((row) => row[1]).filter((name) => name !== '~retry')).toEqual([])
  await admin.close()
})
