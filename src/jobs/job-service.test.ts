import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { useLog, useRedis } from '../../test/support/use-redis.ts'
import { InvalidError, MillraceError } from '../core/errors.ts'
import type { Job, JobRun, JobWork } from '../core/jobs.ts'
import { OPEN_KEY } from '../redis/jobs/job-keys.ts'
import { RedisJobStore } from '../redis/jobs/job-store.ts'
import type { JobRunnerOptions } from './job-runner.ts'
import { JobService } from './job-service.ts'

const { server, admin } = useRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
const log = useLog(server)
const store = new RedisJobStore(admin)
const ada = { actor: 'ada@example.com', reason: 'mails were lost' }
const services: JobService[] = []
let numbers = 0

beforeEach(() => admin.send(['FLUSHALL']))
afterEach(async () => {
  await Promise.all(services.splice(0).map(({ runner }) => runner.stop(1_000)))
})

/** A work that does as the test says: `step` again and again, until it answers a result. */
function work(
  step: (run: JobRun, round: number) => Promise<Record<string, unknown> | undefined>,
  more: Partial<JobWork> = {},
): JobWork {
  return {
    kind: 'copy',
    local: false,
    check: async (params) => params,
    preview: async () => ({ count: 3, unit: 'entries', complete: true, detail: {} }),
    async run(_, run) {
      for (let round = 1; !run.signal.aborted; round++) {
        const result = await step(run, round)
        if (result) return result
      }
      return {}
    },
    ...more,
  }
}

/** Goes on until it is told to end. */
const endless = work(async (run, round) => {
  run.progress({ done: round, unit: 'entries' })
  await sleep(5)
  return undefined
})

async function open(works: JobWork[], options: JobRunnerOptions = {}): Promise<JobService> {
  const service = new JobService(store, works, { name: `runner-${services.length}`, ...options })
  services.push(service)
  await service.runner.start()
  return service
}

const start = (jobs: JobService, more: object = {}): Promise<Job> =>
  jobs.start({ kind: 'copy', params: { number: numbers++ }, ...ada, ...more })
const become = (id: string, state: Job['state']): Promise<Job> =>
  until(`the job to be ${state}`, async () => {
    const job = await store.get(id)
    return job.state === state ? job : undefined
  })
const forEver = new AbortController().signal

test('a job runs, tells how far it is, and ends', async () => {
  const jobs = await open([
    work(async (run, round) => {
      run.progress({ done: round, total: 3, unit: 'entries', note: 'copying' })
      await run.checkpoint({ round })
      return round === 3 ? { copied: 3 } : undefined
    }),
  ])
  const { id, state } = await start(jobs)
  expect(state).toBe('queued')
  const done = await become(id, 'done')
  expect(done).toMatchObject({
    progress: { done: 3, total: 3, unit: 'entries', note: 'copying' },
    result: { copied: 3 },
    runner: 'runner-0',
    ...ada,
  })
})

test('a preview tells what it would do', async () => {
  const jobs = await open([work(async () => ({}), { check: async (params) => ({ ...params, all: true }) })])
  expect(await jobs.preview('copy', { stream: 'a' })).toEqual({
    kind: 'copy',
    params: { stream: 'a', all: true },
    count: 3,
    unit: 'entries',
    complete: true,
    detail: {},
  })
  expect(await store.list({}, {})).toEqual({ jobs: [] })
})

test('of two runners one runs a job, and each no more than it may', async () => {
  const runs = new Map<string, number>()
  let [most, now] = [0, 0]
  const counting = work(async ({ id }) => {
    runs.set(id, (runs.get(id) ?? 0) + 1)
    most = Math.max(most, ++now)
    await sleep(20)
    now--
    return {}
  })
  const [first] = [await open([counting]), await open([counting])]
  const ids = (await Promise.all(Array.from({ length: 12 }, () => start(first)))).map(({ id }) => id)
  for (const id of ids) await become(id, 'done')
  expect([...runs.values()]).toEqual(Array(12).fill(1))
  expect(most).toBeLessThanOrEqual(4)
})

test('what nobody here can do is left to others', async () => {
  const jobs = await open([endless], { host: 'here' })
  await store.create({ kind: 'backup', params: {}, unit: 'entries', ...ada })
  await store.create({ kind: 'copy', params: {}, unit: 'entries', host: 'elsewhere', ...ada })
  const { id } = await start(jobs)
  await become(id, 'running')
  expect((await store.waiting()).map(({ kind }) => kind)).toEqual(['backup', 'copy'])
  const elsewhere = await open([endless], { host: 'elsewhere' })
  await until('it to run there', async () => (await store.waiting()).length === 1)
  expect(elsewhere.runner.host).toBe('elsewhere')
})

test('a job that needs a file belongs to its host', async () => {
  const jobs = await open([{ ...endless, local: true }], { host: 'here' })
  expect((await start(jobs)).host).toBe('here')
})

describe('cancelled', () => {
  test('while it runs, it ends soon and between two steps', async () => {
    const seen: boolean[] = []
    const jobs = await open([
      work(async ({ signal, cancelled }) => {
        signal.addEventListener('abort', () => seen.push(cancelled.aborted))
        await sleep(60_000, undefined, { signal }).catch(() => {})
        return undefined
      }),
    ])
    const { id } = await start(jobs)
    await become(id, 'running')
    const from = performance.now()
    const bob = { actor: 'bob', reason: 'wrong one' }
    expect((await jobs.cancel(id, bob)).state).toBe('running')
    const { history } = await become(id, 'cancelled')
    expect(performance.now() - from).toBeLessThan(5_000)
    expect(seen).toEqual([true])
    expect(history.map(({ action, actor }) => [action, actor])).toEqual([
      ['started', ada.actor],
      ['cancelled', 'bob'],
    ])
    expect(await failureOf(jobs.cancel(id, bob))).toMatchObject({
      code: 'JOB_CONFLICT',
      message: expect.stringContaining('is cancelled'),
    })
  })

  test('before it runs, it never does', async () => {
    const idle = new JobService(store, [endless])
    const { id } = await start(idle)
    expect((await idle.cancel(id, ada)).state).toBe('cancelled')
    const jobs = await open([endless])
    const other = await start(jobs)
    await become(other.id, 'running')
    expect(await store.get(id)).not.toHaveProperty('startedAt')
  })
})

test('a job that failed says why without secrets, and goes on where it was', async () => {
  let broken = true
  const jobs = await open([
    work(async (run) => {
      if (run.resumeFrom) return { from: run.resumeFrom['at'] }
      await run.checkpoint({ at: '7-0' })
      if (broken) throw new MillraceError('UNKNOWN_GROUP', 'no group at redis://user:secret@host:1')
      return {}
    }),
  ])
  const { id } = await start(jobs)
  expect((await become(id, 'failed')).error).toEqual({
    code: 'UNKNOWN_GROUP',
    message: 'no group at redis://user:****@host:1',
  })
  broken = false
  await jobs.resume(id, ada)
  expect(await become(id, 'done')).toMatchObject({ result: { from: '7-0' } })
})

test('whatever is thrown fails the job, and nothing else', async () => {
  const jobs = await open([
    work(async (run) => {
      if (run.resumeFrom) return {}
      await run.checkpoint({})
      throw undefined
    }),
  ])
  const { id } = await start(jobs)
  await become(id, 'failed')
  expect((await jobs.resume(id, ada)).state).toBe('queued')
  await become(id, 'done')
})

test('its rate is another one from the next step on', async () => {
  const rates: number[] = []
  const jobs = await open([
    work(async (run, round) => {
      rates.push(run.ratePerSecond)
      await run.pace(1)
      return round > 2 && run.ratePerSecond === Infinity ? { round } : undefined
    }),
  ])
  // A step in 100 s: without hearing of the change it would be far too late.
  const { id } = await start(jobs, { ratePerSecond: 0.01 })
  await become(id, 'running')
  expect((await jobs.limit(id, 1_000, ada)).ratePerSecond).toBe(1_000)
  await until('some steps', () => rates.filter((rate) => rate === 1_000).length > 3)
  await jobs.limit(id, undefined, ada)
  await become(id, 'done')
  expect(rates[0]).toBe(0.01)
  expect(await store.get(id)).not.toHaveProperty('ratePerSecond')
})

describe('stopped', () => {
  test('a runner hands its jobs back, and another one goes on at once', async () => {
    const first = await open([
      work(async (run, round) => {
        await run.checkpoint({ round })
        await sleep(5)
        return undefined
      }),
    ])
    const { id } = await start(first)
    await become(id, 'running')
    await first.runner.stop(5_000)
    expect(await store.get(id)).toMatchObject({ state: 'interrupted', history: [{ action: 'started' }] })
    await open([work(async ({ resumeFrom }) => ({ on: Number(resumeFrom!['round']) > 0 }))])
    expect((await become(id, 'done')).result).toEqual({ on: true })
  })

  test('a runner waits for its work no longer than it was told, and lets go of it', async () => {
    let release = () => {}
    const stuck = new Promise<void>((resolve) => (release = resolve))
    const first = await open([
      work(async () => {
        await stuck
        return {}
      }),
    ])
    const { id } = await start(first)
    await become(id, 'running')
    await first.runner.stop(50)
    await admin.send(['ZADD', OPEN_KEY, '1', id])
    await open([work(async () => ({ by: 'another' }))])
    await become(id, 'done')
    release()
    await first.runner.stop(1_000)
    expect((await store.get(id)).result).toEqual({ by: 'another' })
  })

  test('a runner takes nothing up', async () => {
    const jobs = await open([endless])
    await jobs.runner.stop(1_000)
    const { id } = await start(jobs)
    expect((await store.get(id)).state).toBe('queued')
  })
})

test('a run that lost its job ends, and what it writes is refused', async () => {
  let frozen = true
  const refusals: unknown[] = []
  const first = await open([
    work(async (run) => {
      await until('the thaw', () => !frozen)
      refusals.push(await failureOf(run.checkpoint({ mine: true })))
      expect(run.signal.aborted).toBe(true)
      return { by: 'the first' }
    }),
  ])
  const { id } = await start(first)
  await become(id, 'running')
  await admin.send(['ZADD', OPEN_KEY, '1', id])
  await store.take(id, 'another')
  frozen = false
  await until('the refusal', () => refusals.length === 1)
  expect(refusals).toMatchObject([{ code: 'JOB_CONFLICT' }])
  expect(await store.get(id)).toMatchObject({ state: 'running', runner: 'another' })
})

describe('while Redis is away', () => {
  test('a job waits, and then goes on where it was', async () => {
    const rounds: number[] = []
    const jobs = await open([
      work(async (run) => {
        const round = Number(run.resumeFrom?.['round'] ?? 0) + 1
        rounds.push(round)
        await log.operations.holds.set('orders', 'mine', '0-0')
        await run.checkpoint({ round })
        await sleep(5)
        return round === 150 ? { round } : undefined
      }),
    ])
    const { id } = await start(jobs)
    const states: string[] = []
    const watching = (async () => {
      for await (const job of jobs.watch(id, forEver)) states.push(job.state)
    })()
    await until('some rounds', () => rounds.length > 20)
    await server.kill('SIGKILL')
    await sleep(200)
    await server.restart()
    expect(await become(id, 'done')).toMatchObject({ result: { round: 150 } })
    await watching
    expect(states.at(-1)).toBe('done')
    // At most the round of the crash was done twice.
    expect(new Set(rounds).size).toBe(150)
    expect(rounds.length).toBeLessThanOrEqual(152)
  })

  test('jobs are found again afterwards', async () => {
    const jobs = await open([work(async () => ({}))])
    await server.restart()
    await until('a connection', () => admin.send(['PING']))
    const { id } = await start(jobs)
    expect((await become(id, 'done')).runner).toBe('runner-0')
  })

  test('a job that was lost with the data of Redis ends here', async () => {
    const jobs = await open([endless])
    const { id } = await start(jobs)
    await become(id, 'running')
    await admin.send(['FLUSHALL'])
    const other = [await start(jobs), await start(jobs)]
    for (const one of other) await become(one.id, 'running')
    expect(await failureOf(jobs.get(id))).toMatchObject({ code: 'UNKNOWN_JOB' })
  })
})

describe('watching', () => {
  test('tells every change until the end', async () => {
    let go = false
    const jobs = await open([work(async () => (await until('the word', () => go), { ok: true }))])
    const { id } = await start(jobs)
    const states: string[] = []
    for await (const { state } of jobs.watch(id, forEver)) {
      if (states.at(-1) !== state) states.push(state)
      if (state === 'running') go = true
    }
    expect(states.slice(-2)).toEqual(['running', 'done'])
  })

  test('ends when nobody watches any more', async () => {
    const jobs = await open([endless])
    const { id } = await start(jobs)
    const leaving = new AbortController()
    let seen = 0
    for await (const job of jobs.watch(id, leaving.signal)) {
      expect(job.id).toBe(id)
      if (++seen === 2) leaving.abort()
    }
    expect(seen).toBe(2)
  })

  test('of what is not there fails', async () => {
    const jobs = await open([endless])
    const none = jobs.watch('1000000000000000', forEver)[Symbol.asyncIterator]()
    expect(await failureOf(none.next())).toMatchObject({ code: 'UNKNOWN_JOB' })
  })
})

describe('what can not be done', () => {
  test('is refused to who starts it, with every mistake', async () => {
    const refusing = work(async () => ({}), {
      check: async () => {
        throw new InvalidError('CONFIGURATION_INVALID', 'no', [{ path: 'stream', message: 'is no name' }])
      },
    })
    const jobs = await open([refusing])
    const failure = await failureOf(
      jobs.start({ kind: 'copy', params: {}, actor: '', ratePerSecond: Number.NaN }),
    )
    expect(failure).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    const paths = (failure as InvalidError).issues.map(({ path }) => path)
    expect(paths).toEqual(['ratePerSecond', 'actor', 'stream'])
    expect((await jobs.list()).jobs).toEqual([])
  })

  test.each([
    ['a kind that is none', { kind: 'explode' }, 'kind'],
    ['a kind that is a name of an object', { kind: '__proto__' }, 'kind'],
    ['no rate', { ratePerSecond: 0 }, 'ratePerSecond'],
    ['a rate that is a text', { ratePerSecond: '5' }, 'ratePerSecond'],
    ['a reason that is too long', { reason: 'x'.repeat(1_001) }, 'reason'],
  ])('%s', async (_, wrong, path) => {
    const jobs = await open([endless])
    const failure = await failureOf(start(jobs, wrong))
    expect((failure as InvalidError).issues.map((issue) => issue.path)).toContain(path)
  })

  test('what this process has no work for', async () => {
    const jobs = await open([endless])
    expect(await failureOf(start(jobs, { kind: 'backup' }))).toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining('does no backup jobs; there are copy'),
    })
  })

  test.each([{ kind: 'x' }, { state: 'x' }])('a list by %j', async (filter) => {
    const jobs = await open([endless])
    expect(await failureOf(jobs.list(filter as never))).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  })

  test.each([0, -1, Number.NaN, '5'])('a rate of %s', async (rate) => {
    const jobs = await open([endless])
    const { id } = await start(jobs)
    const failure = await failureOf(jobs.limit(id, rate as number, ada))
    expect(failure).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  })

  test.each([0, 1.5, Number.NaN])('a concurrency of %s', (concurrency) => {
    expect(() => new JobService(store, [], { concurrency })).toThrow('concurrency')
  })
})

describe('a process that runs its own jobs alone', () => {
  test('runs what it starts, and leaves the others to others', async () => {
    const others = await store.create({ kind: 'copy', params: {}, unit: 'entries', ...ada })
    const jobs = await open([work(async () => ({}))], { takes: 'own' })
    const { id, state, runner } = await start(jobs)
    expect({ state, runner }).toEqual({ state: 'running', runner: 'runner-0' })
    await become(id, 'done')
    expect((await store.get(others.job.id)).state).toBe('queued')
  })

  test('leaves it interrupted when it is stopped, and goes on with it when it is resumed', async () => {
    const first = await open([endless], { takes: 'own' })
    const { id } = await start(first)
    await first.runner.stop(5_000)
    expect((await store.get(id)).state).toBe('interrupted')
    const second = await open([work(async () => ({ again: true }))], { takes: 'own' })
    expect(await second.resume(id, ada)).toMatchObject({ state: 'running', runner: 'runner-1' })
    expect((await become(id, 'done')).result).toEqual({ again: true })
  })

  test('does not take up what it can not run', async () => {
    const jobs = await open([endless], { takes: 'own', host: 'here' })
    const draft = { kind: 'copy', params: {}, unit: 'entries', host: 'elsewhere', ...ada } as const
    const { job } = await store.create(draft)
    await store.cancel(job.id, ada)
    expect((await jobs.resume(job.id, ada)).state).toBe('queued')
  })
})
