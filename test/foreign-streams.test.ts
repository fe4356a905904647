import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { beforeAll, expect, test } from 'vitest'
import { channelBroker } from '../bench/moleculer.ts'
import type { GroupExplanation } from '../src/core/explain.ts'
import { RedisStreamLog } from '../src/redis/redis-log.ts'
import { fingerprints } from './support/fingerprints.ts'
import { until } from './support/until.ts'
import { useLog, useRedis } from './support/use-redis.ts'

/* Streams that Millrace never wrote to: it tells what is the matter with each of their groups, and leaves no trace. */

const { server, admin } = useRedis()
const log = useLog(server)
const NODE = fileURLToPath(new URL('./support/moleculer-child.ts', import.meta.url))

async function writeWithBullMq(): Promise<void> {
  const connection = { url: server.url }
  const queue = new Queue('mail', { connection })
  let done = 0
  const worker = new Worker('mail', async () => void done++, { connection })
  await queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ name: 'send', data: { n } })))
  await until('the jobs', () => done === 20)
  await worker.close()
  await queue.close()
}

/** One service handles all that it gets; a node with another one is killed before it is done. */
async function writeWithMoleculer(): Promise<void> {
  const broker = await channelBroker(server.url)
  let handled = 0
  const channels = { orders: { redis: { startID: '0' }, handler: async () => void handled++ } }
  broker.createService({ name: 'billing', channels })
  for (let n = 0; n < 5; n++) await broker.sendToChannel('orders', { n })
  const node = spawn(process.execPath, ['--import', 'tsx', NODE, server.url], { stdio: 'ignore' })
  await until('what the node holds', async () => {
    const groups = await admin.send<unknown[][]>(['XINFO', 'GROUPS', 'orders'])
    return handled === 5 && groups.some((row) => row.includes('shipping') && row[5] === 1)
  }).finally(() => node.kill('SIGKILL'))
  await broker.stop()
}

async function writeWithCommands(): Promise<void> {
  const redis = new Redis(server.url)
  const add = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, n) => redis.xadd('plain', '*', 'n', String(n))))
  await redis.xgroup('CREATE', 'plain', 'reader', '0', 'MKSTREAM')
  await add(10)
  await redis.xgroup('CREATE', 'plain', 'late', '$')
  await redis.xreadgroup('GROUP', 'reader', 'one', 'COUNT', 4, 'STREAMS', 'plain', '>')
  await redis.xtrim('plain', 'MAXLEN', 2)
  await redis.quit()
}

beforeAll(async () => {
  await Promise.all([writeWithBullMq(), writeWithMoleculer(), writeWithCommands()])
  await admin.send(['XGROUP', 'CREATE', 'bull:mail:events', 'dashboard', '0'])
  await admin.send(['XGROUP', 'CREATE', 'bull:mail:events', 'archive', '0'])
  const read = ['XREADGROUP', 'GROUP', 'archive', 'a', 'NOACK', 'STREAMS', 'bull:mail:events', '>']
  await admin.send(read)
}, 30_000)

/** What a call answers, which may write nothing. */
async function untouched<T>(call: Promise<T>): Promise<T> {
  const answer = await call
  expect(await fingerprints(admin)).toEqual(before)
  return answer
}

let before: Map<string, string>
beforeAll(async () => void (before = await fingerprints(admin)))

const verdictsOf = (explanations: readonly GroupExplanation[]) =>
  Object.fromEntries(explanations.map(({ stream, group, verdict }) => [`${stream} ${group}`, verdict]))

test('every group of every software gets its verdict', async () => {
  const soon = { minIdleMs: 1, sampleMs: 10 }
  const verdicts = await until('the dead to be silent for long enough', async () => {
    const found = verdictsOf(await untouched(log.operations.explain.explain(soon)))
    return Object.values(found).includes('dead-consumer') && found
  })
  expect(verdicts).toEqual({
    'bull:mail:events archive': 'healthy',
    'bull:mail:events dashboard': 'no-consumers',
    'orders billing': 'healthy',
    'orders shipping': 'dead-consumer',
    'plain late': 'started-late',
    'plain reader': 'trimmed-under',
  })
})

test('they are listed with their numbers', async () => {
  expect(await untouched(log.operations.catalogue.list())).toMatchObject([
    { stream: 'bull:mail:events', groups: 2 },
    { stream: 'orders', groups: 2, length: 5 },
    { stream: 'plain', groups: 2, length: 2, pending: 4 },
  ])
})

test('a user who may only read gets the same answers', async () => {
  const reads = ['+@read', '+@connection', '+eval', '+evalsha', '+info', '+time', '-@write']
  await admin.send(['ACL', 'SETUSER', 'looks', 'reset', 'on', '>secret', '~*', ...reads])
  const reader = await RedisStreamLog.open({ url: server.url.replace('://', '://looks:secret@') })
  const soon = { minIdleMs: 60_000, sampleMs: 10 }
  expect(await reader.operations.explain.explain(soon)).toHaveLength(6)
  expect(await reader.operations.catalogue.names()).toHaveLength(3)
  await reader.close()
})

test('of streams that a user has no right to, only the name is told', async () => {
  const reads = ['+@read', '+@connection', '+eval', '+evalsha', '+info', '+time', '-@write']
  await admin.send(['ACL', 'SETUSER', 'narrow', 'reset', 'on', '>secret', '~orders', '~{orders}:*', ...reads])
  const reader = await RedisStreamLog.open({ url: server.url.replace('://', '://narrow:secret@') })
  const { catalogue, explain } = reader.operations
  expect(await catalogue.names()).toHaveLength(3)
  expect(await catalogue.list()).toMatchObject([{ stream: 'orders' }])
  const explanations = await explain.explain({ minIdleMs: 60_000, sampleMs: 10 })
  expect(explanations.map(({ stream }) => stream)).toEqual(['orders', 'orders'])
  await expect(explain.explain({ stream: 'plain' })).rejects.toMatchObject({ code: 'REDIS_REFUSED' })
  await reader.close()
})
