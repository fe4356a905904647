import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Job } from '../src/core/jobs.ts'
import { JobService } from '../src/jobs/job-service.ts'
import { operationWorks } from '../src/jobs/kinds/kinds.ts'
import { OPEN_KEY } from '../src/redis/jobs/job-keys.ts'
import { Child } from './support/child-process.ts'
import type { JobChildLine, JobChildOptions } from './support/job-child.ts'
import { until } from './support/until.ts'
import { useLog, useRedis } from './support/use-redis.ts'

/*
 * Runners in processes of their own, which die or freeze while they replay 3000 entries, so slowly that it lasts until another runner is there.
 */

const COUNT = 3_000
const { server, admin } = useRedis()
const log = useLog(server)
const children: Child<JobChildLine>[] = []
/** Starts jobs, and runs none. */
let jobs: JobService

beforeEach(async () => {
  await admin.send(['FLUSHALL'])
  jobs = new JobService(log.operations.jobStore, operationWorks(log.operations))
  const entries = Array.from({ length: COUNT }, (_, n) => ({ fields: ['type', 't', 'data', String(n)] }))
  await log.append('orders', entries)
})
afterEach(() => Promise.all(children.splice(0).map((child) => child.end())))

async function runner(name: string): Promise<Child<JobChildLine>> {
  const child = new Child<JobChildLine>('./job-child.ts', { url: server.url, name } satisfies JobChildOptions)
  children.push(child)
  await until(`${name} to run`, () => child.lines.some(({ ready }) => ready), 30_000)
  return child
}

/** Answers its id as soon as the first runner is in the middle of it. */
async function midReplay(): Promise<string> {
  const params = { stream: 'orders', toStream: 'copies' }
  const { id } = await jobs.start({ kind: 'replay', params, actor: 'ada', ratePerSecond: 50 })
  await until('the middle of the replay', async () => (await admin.send<number>(['XLEN', 'copies'])) > 0)
  return id
}

/** The rest as fast as can be. */
const hurry = (id: string) => jobs.limit(id, undefined, { actor: 'ada' })

const become = (id: string, wanted: Partial<Job>): Promise<Job> =>
  until(
    JSON.stringify(wanted),
    async () => {
      const job = await jobs.get(id)
      return Object.entries(wanted).every(([name, value]) => job[name as keyof Job] === value)
        ? job
        : undefined
    },
    30_000,
  )

async function expectEachOnce(): Promise<void> {
  const rows = await admin.send<[string, string[]][]>(['XRANGE', 'copies', '-', '+'])
  expect(rows.map(([, fields]) => Number(fields[3]))).toEqual(Array.from({ length: COUNT }, (_, n) => n))
}

test('a runner is killed: another one takes its job up, and each entry is copied once', async () => {
  const first = await runner('first')
  const id = await midReplay()
  await runner('second')
  first.kill('SIGKILL')
  const copied = await admin.send<number>(['XLEN', 'copies'])
  expect(copied).toBeLessThan(COUNT)
  await hurry(id)
  // After the 10 s in which the first one could have been heard of.
  expect(await become(id, { state: 'done' })).toMatchObject({
    runner: 'second',
    result: { copied: COUNT, skipped: 0 },
  })
  await expectEachOnce()
}, 60_000)

test('a runner is frozen for too long: when it goes on, nothing that it writes is taken', async () => {
  const first = await runner('first')
  const id = await midReplay()
  first.kill('SIGSTOP')
  // As after 10 s.
  await admin.send(['ZADD', OPEN_KEY, '1', id])
  await runner('second')
  await become(id, { state: 'running', runner: 'second' })
  first.kill('SIGCONT')
  await until('the first one to find out', () =>
    first.lines.some(({ warned }) => warned?.includes(`the replay job ${id} is lost`)),
  )
  await hurry(id)
  const { result, runner: by } = await become(id, { state: 'done' })
  expect({ by, result }).toMatchObject({ by: 'second', result: { copied: COUNT } })
  await expectEachOnce()
}, 60_000)

test('a runner is told to end: it hands its job back, and another one has it at once', async () => {
  const first = await runner('first')
  const id = await midReplay()
  await runner('second')
  first.kill('SIGTERM')
  expect(await first.ended).toBe(0)
  expect(first.lines.at(-1)).toEqual({ stopped: true })
  const from = performance.now()
  await become(id, { runner: 'second' })
  expect(performance.now() - from).toBeLessThan(8_000)
  await hurry(id)
  await become(id, { state: 'done' })
  await expectEachOnce()
}, 60_000)
