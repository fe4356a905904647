import { beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import type { JobDraft, JobEntry } from '../../core/job-store.ts'
import type { Job, JobState } from '../../core/jobs.ts'
import { ACTIVE_KEY, ALL_KEY, ENDED_KEY, jobKey, LAST_KEY, OPEN_KEY } from './job-keys.ts'
import { RedisJobStore } from './job-store.ts'

const { admin } = useRedis()
const store = new RedisJobStore(admin)
const ada = { actor: 'ada@example.com', reason: 'it is full' }
const NOWHERE = '1000000000000000'
let drafts = 0

beforeEach(() => admin.send(['FLUSHALL']))

const draft = (more: Partial<JobDraft> = {}): JobDraft => ({
  kind: 'trim',
  params: { stream: 'orders', number: drafts++ },
  unit: 'entries',
  ...ada,
  ...more,
})
const progress = (done: number) => ({ done, unit: 'entries' }) as const
const leaseOf = ({ job, run }: JobEntry) => ({ id: job.id, run })
const started = async (): Promise<JobEntry> => {
  const { job } = await store.create(draft())
  return (await store.take(job.id, 'r-1'))!
}
/** As if its runner had not been heard of for too long. */
const lapse = (id: string) => admin.send(['ZADD', OPEN_KEY, '1', id])

/** A job in each state there is, with the lease of its last run. */
const IN: Record<JobState, () => Promise<JobEntry>> = {
  queued: () => store.create(draft()),
  running: started,
  async interrupted() {
    const entry = await started()
    await store.finish(leaseOf(entry), { state: 'interrupted' }, progress(1))
    return entry
  },
  async cancelled() {
    const entry = await started()
    await store.finish(leaseOf(entry), { state: 'cancelled' }, progress(1))
    return entry
  },
  async done() {
    const entry = await started()
    await store.finish(leaseOf(entry), { state: 'done', result: { copied: 7 } }, progress(7))
    return entry
  },
  async failed() {
    const entry = await started()
    const error = { code: 'UNKNOWN_GROUP', message: 'it is gone' }
    await store.finish(leaseOf(entry), { state: 'failed', error }, progress(3))
    return entry
  },
}
const STATES = Object.keys(IN) as JobState[]

describe('a new job', () => {
  test('is as it was written down', async () => {
    const { job, run } = await store.create(
      draft({
        kind: 'redrive',
        params: { ünï: '\u2028"\n' },
        unit: 'letters',
        ratePerSecond: 0.5,
        host: 'h',
      }),
    )
    expect(run).toBe(0)
    expect(job).toMatchObject({
      kind: 'redrive',
      params: { ünï: '\u2028"\n' },
      state: 'queued',
      progress: { done: 0, unit: 'letters' },
      ratePerSecond: 0.5,
      host: 'h',
      ...ada,
      history: [{ action: 'started', actor: ada.actor }],
    })
    expect(job).not.toHaveProperty('startedAt')
    expect(job).not.toHaveProperty('runner')
    expect(Date.now() - Date.parse(job.createdAt)).toBeLessThan(60_000)
    expect(await store.get(job.id)).toEqual(job)
  })

  test('has an id above all others, also when the clock goes back', async () => {
    const ids: string[] = []
    for (let n = 0; n < 5; n++) ids.push((await store.create(draft())).job.id)
    const far = String(Number(ids[4]) + 86_400_000_000)
    await admin.send(['SET', LAST_KEY, far])
    ids.push((await store.create(draft())).job.id, (await store.create(draft())).job.id)
    expect(ids.toSorted()).toEqual(ids)
    expect(new Set(ids).size).toBe(7)
    expect(ids[5]).toBe(String(Number(far) + 1))
  })

  test('is taken in the same step by who wants to run it', async () => {
    const { job, run } = await store.create(draft(), 'mine')
    expect({ run, state: job.state, runner: job.runner }).toEqual({
      run: 1,
      state: 'running',
      runner: 'mine',
    })
    expect(await store.waiting()).toEqual([])
  })

  test('does not do what an unfinished one does', async () => {
    const params = { stream: 'orders' }
    const first = await store.create(draft({ params }))
    const failure = await failureOf(store.create(draft({ params })))
    expect(failure).toMatchObject({ code: 'JOB_CONFLICT', message: expect.stringContaining(first.job.id) })
    await store.create(draft({ params, kind: 'copy' }))
    await store.cancel(first.job.id, ada)
    const second = await store.create(draft({ params }))
    // Nor is one taken up again meanwhile.
    expect(await failureOf(store.resume(first.job.id, ada))).toMatchObject({
      code: 'JOB_CONFLICT',
      message: expect.stringContaining(second.job.id),
    })
  })

  test('is refused when it is too large, and when there are too many', async () => {
    const failure = await failureOf(store.create(draft({ params: { ids: 'x'.repeat(100_000) } })))
    expect(failure).toMatchObject({ code: 'CONFIGURATION_INVALID', issues: [{ path: 'params' }] })
    const many = Array.from({ length: 1_000 }, (_, n) => ['0', String(n)]).flat()
    await admin.send(['ZADD', OPEN_KEY, ...many])
    expect(await failureOf(store.create(draft()))).toMatchObject({ code: 'JOB_CONFLICT' })
  })

  test.each([
    ['job', (id: string) => jobKey(id)],
    ['open', () => OPEN_KEY],
    ['ended', () => ENDED_KEY],
    ['all', () => ALL_KEY],
    ['active', () => ACTIVE_KEY],
  ])('is not half written where the key of %s holds something else', async (_, key) => {
    const next = String(Date.now() * 1_000 + 3_600_000_000)
    await admin.send(['SET', LAST_KEY, next])
    const id = String(Number(next) + 1)
    await admin.send(['SET', key(id), 'text'])
    const before = (await admin.send<string[]>(['KEYS', '*'])).toSorted()
    expect((await failureOf(store.create(draft()))).message).toContain('WRONGTYPE')
    expect((await admin.send<string[]>(['KEYS', '*'])).toSorted()).toEqual(before)
  })
})

describe('what a state allows', () => {
  const ALLOWED: Record<string, JobState[]> = {
    take: ['queued', 'interrupted'],
    cancel: ['queued', 'running', 'interrupted', 'failed'],
    resume: ['interrupted', 'cancelled', 'failed'],
    limit: ['queued', 'running', 'interrupted'],
    beat: ['running'],
    checkpoint: ['running'],
    finish: ['running'],
  }
  const DEEDS: Record<string, (entry: JobEntry) => Promise<unknown>> = {
    async take({ job }) {
      if (!(await store.take(job.id, 'r-2'))) throw Object.assign(new Error(), { code: 'JOB_CONFLICT' })
    },
    cancel: ({ job }) => store.cancel(job.id, ada),
    resume: ({ job }) => store.resume(job.id, ada),
    limit: ({ job }) => store.limit(job.id, 5, ada),
    beat: (entry) => store.beat(leaseOf(entry), progress(2)),
    checkpoint: (entry) => store.checkpoint(leaseOf(entry), { at: 1 }, progress(2)),
    finish: (entry) => store.finish(leaseOf(entry), { state: 'done', result: {} }, progress(2)),
  }
  const cases = Object.keys(DEEDS).flatMap((deed) => STATES.map((state) => [deed, state] as const))

  test.each(cases)('%s, of one that is %s', async (deed, state) => {
    const entry = await IN[state]()
    expect((await store.get(entry.job.id)).state).toBe(state)
    const before = await admin.send(['HGETALL', jobKey(entry.job.id)])
    const allowed = ALLOWED[deed]!.includes(state)
    const outcome = await DEEDS[deed]!(entry).then(
      () => 'done',
      (error: { code: string; message: string }) => {
        const says = error.message === '' || error.message.includes(`is ${state}`)
        return says ? error.code : error.message
      },
    )
    expect(outcome).toBe(allowed ? 'done' : 'JOB_CONFLICT')
    const same =
      JSON.stringify(await admin.send(['HGETALL', jobKey(entry.job.id)])) === JSON.stringify(before)
    expect(same).toBe(!allowed)
  })

  test.each(['', 'x', '1', NOWHERE, `${NOWHERE}0`, '../../etc', '{x}', undefined, 7])(
    'no id: %j',
    async (id) => {
      const unknown = { code: 'UNKNOWN_JOB' }
      for (const call of [
        () => store.get(id as string),
        () => store.cancel(id as string, ada),
        () => store.resume(id as string, ada),
        () => store.limit(id as string, 1, ada),
      ])
        expect(await failureOf(call)).toMatchObject(unknown)
    },
  )
})

describe('a run', () => {
  test('tells how far it is, and is told what to do', async () => {
    const entry = await started()
    expect(await store.beat(leaseOf(entry))).toEqual({ cancelled: false })
    await store.beat(leaseOf(entry), progress(5))
    expect((await store.get(entry.job.id)).progress).toEqual(progress(5))
    await store.limit(entry.job.id, 2.5, ada)
    expect(await store.beat(leaseOf(entry))).toEqual({ cancelled: false, ratePerSecond: 2.5 })
    await store.limit(entry.job.id, undefined, ada)
    const asked = await store.cancel(entry.job.id, { actor: 'bob' })
    expect(asked.state).toBe('running')
    await store.cancel(entry.job.id, { actor: 'bob' })
    expect(await store.beat(leaseOf(entry))).toEqual({ cancelled: true })
    await store.finish(leaseOf(entry), { state: 'interrupted' }, progress(6))
    const { state, history, finishedAt } = await store.get(entry.job.id)
    expect(state).toBe('cancelled')
    expect(finishedAt).toBeDefined()
    expect(history.map(({ action, actor }) => `${action} ${actor}`)).toEqual([
      'started ada@example.com',
      'limited ada@example.com',
      'limited ada@example.com',
      'cancelled bob',
    ])
  })

  test('is done once, by whoever was first', async () => {
    const { job } = await store.create(draft())
    const taken = await Promise.all(Array.from({ length: 20 }, (_, n) => store.take(job.id, `r-${n}`)))
    const [winner, ...others] = taken.filter((one) => one !== undefined)
    expect(others).toEqual([])
    expect((await store.get(job.id)).runner).toBe(winner!.job.runner)
  })

  test('that is not heard of is interrupted, goes on elsewhere where it was, and writes nothing more', async () => {
    const lost = await started()
    await store.checkpoint(leaseOf(lost), { at: '5-0' }, progress(5))
    await lapse(lost.job.id)
    expect((await store.get(lost.job.id)).state).toBe('interrupted')
    expect(await store.waiting()).toEqual([{ id: lost.job.id, kind: 'trim' }])
    const next = (await store.take(lost.job.id, 'r-2'))!
    expect(next).toMatchObject({
      run: 2,
      checkpoint: { at: '5-0' },
      job: { runner: 'r-2', state: 'running' },
    })
    const before = await admin.send(['HGETALL', jobKey(lost.job.id)])
    for (const call of [
      () => store.beat(leaseOf(lost), progress(9)),
      () => store.checkpoint(leaseOf(lost), { at: '1-0' }, progress(1)),
      () => store.finish(leaseOf(lost), { state: 'done', result: {} }, progress(1)),
    ])
      expect(await failureOf(call)).toMatchObject({ code: 'JOB_CONFLICT' })
    expect(await admin.send(['HGETALL', jobKey(lost.job.id)])).toEqual(before)
    await store.finish(leaseOf(next), { state: 'done', result: { ok: true } }, progress(9))
    expect(await store.get(lost.job.id)).toMatchObject({ state: 'done', result: { ok: true } })
  })

  test('keeps its job for 10 s after it was last heard of', async () => {
    const entry = await started()
    const [, score] = await admin.send<[string, string]>(['ZRANGE', OPEN_KEY, '0', '-1', 'WITHSCORES'])
    const [seconds] = await admin.send<[string]>(['TIME'])
    expect(Number(score) / 1_000 - Number(seconds)).toBeGreaterThan(8)
    expect(Number(score) / 1_000 - Number(seconds)).toBeLessThan(12)
    await lapse(entry.job.id)
    // Nobody took it: its runner was cut off, and is back.
    await store.beat(leaseOf(entry))
    expect((await store.get(entry.job.id)).state).toBe('running')
    expect(await store.waiting()).toEqual([])
  })

  test('that was to be cancelled when its runner died is not taken up', async () => {
    const entry = await started()
    await store.cancel(entry.job.id, ada)
    await lapse(entry.job.id)
    expect(await store.take(entry.job.id, 'r-2')).toBeUndefined()
    expect((await store.get(entry.job.id)).state).toBe('cancelled')
    expect(await store.waiting()).toEqual([])
  })

  test('that kills its runners one after the other fails, and can be taken up by hand', async () => {
    const { job } = await store.create(draft())
    for (let deaths = 0; deaths < 5; deaths++) {
      expect(await store.take(job.id, `r-${deaths}`)).toBeDefined()
      await lapse(job.id)
    }
    expect(await store.take(job.id, 'r-9')).toBeUndefined()
    expect(await store.get(job.id)).toMatchObject({ state: 'failed', error: { code: 'HANDLER_DIED' } })
    await store.resume(job.id, ada)
    const again = (await store.take(job.id, 'r-10'))!
    // What gets further is no poison, however often its runners end.
    for (let deaths = 0; deaths < 7; deaths++) {
      await store.beat({ id: job.id, run: again.run + deaths }, progress(deaths))
      await lapse(job.id)
      expect(await store.take(job.id, 'r-11')).toBeDefined()
    }
  })
})

describe('the end', () => {
  test('is told with what came of it, and taken back by who resumes it', async () => {
    const failed = await IN.failed()
    const { id } = failed.job
    expect(await store.get(id)).toMatchObject({
      state: 'failed',
      error: { code: 'UNKNOWN_GROUP', message: 'it is gone' },
      progress: progress(3),
    })
    const { job } = await store.resume(id, ada)
    expect(job.state).toBe('queued')
    expect(job).not.toHaveProperty('error')
    expect(job).not.toHaveProperty('finishedAt')
    expect(await admin.send(['PTTL', jobKey(id)])).toBe(-1)
    expect(await admin.send(['ZCARD', ENDED_KEY])).toBe(0)
    expect(await store.waiting()).toEqual([{ id, kind: 'trim' }])
  })

  test.each(['done', 'failed', 'cancelled'] as const)(
    'of one that is %s is forgotten 7 days after it',
    async (state) => {
      const { job } = await IN[state]()
      const ttl = await admin.send<number>(['PTTL', jobKey(job.id)])
      expect(ttl).toBeGreaterThan(7 * 86_400_000 - 60_000)
      expect(ttl).toBeLessThanOrEqual(7 * 86_400_000)
      await admin.send(['DEL', jobKey(job.id)])
      await admin.send(['ZADD', ENDED_KEY, '1', job.id])
      expect(await failureOf(store.get(job.id))).toMatchObject({ code: 'UNKNOWN_JOB' })
      expect(await store.list({}, {})).toEqual({ jobs: [] })
      await store.create(draft())
      expect(await admin.send(['ZCARD', ENDED_KEY])).toBe(0)
      expect(await admin.send(['ZCARD', ALL_KEY])).toBe(1)
      expect(await admin.send(['HLEN', ACTIVE_KEY])).toBe(1)
    },
  )

  test('of very many makes the oldest ones forgotten', async () => {
    const { job } = await IN.done()
    const now = Date.now() + 1_000
    const others = Array.from({ length: 10_000 }, (_, n) => [String(now + n), `1${n}`]).flat()
    await admin.send(['ZADD', ENDED_KEY, ...others])
    await store.create(draft())
    expect(await failureOf(store.get(job.id))).toMatchObject({ code: 'UNKNOWN_JOB' })
    expect(await admin.send(['ZCARD', ENDED_KEY])).toBe(10_000)
  })
})

test('the history is bounded, and keeps who started it', async () => {
  const { job } = await store.create(draft({ actor: 'first one' }))
  for (let n = 0; n < 60; n++) await store.limit(job.id, n + 1, { actor: `a ${n}` })
  const { history } = await store.get(job.id)
  expect(history).toHaveLength(50)
  expect(history[0]).toMatchObject({ action: 'started', actor: 'first one' })
  expect(history.at(-1)).toMatchObject({ action: 'limited', actor: 'a 59' })
})

describe('the list', () => {
  const all = async (filter: { kind?: Job['kind']; state?: JobState }, limit: number): Promise<Job[]> => {
    const found: Job[] = []
    let after: string | undefined
    do {
      const page = await store.list(filter, { limit, ...(after !== undefined && { after }) })
      expect(page.jobs.length).toBeLessThanOrEqual(limit)
      found.push(...page.jobs)
      after = page.next
    } while (after !== undefined)
    return found
  }

  test('comes newest first, by pages', async () => {
    const ids: string[] = []
    for (let n = 0; n < 23; n++) ids.push((await store.create(draft())).job.id)
    for (const limit of [1, 5, 23, 500])
      expect((await all({}, limit)).map(({ id }) => id)).toEqual(ids.toReversed())
  })

  test('finds those of a kind, and those in a state', async () => {
    const ids = new Map<string, string>()
    for (const state of STATES) ids.set(state, (await IN[state]()).job.id)
    const copy = (await store.create(draft({ kind: 'copy' }))).job.id
    const silent = await started()
    await lapse(silent.job.id)
    for (const state of ['running', 'done', 'failed', 'cancelled'] as const)
      expect((await all({ state }, 2)).map(({ id }) => id)).toEqual([ids.get(state)])
    expect((await all({ state: 'interrupted' }, 1)).map(({ id }) => id)).toEqual([
      silent.job.id,
      ids.get('interrupted'),
    ])
    expect((await all({ kind: 'copy', state: 'queued' }, 1)).map(({ id }) => id)).toEqual([copy])
    expect(await all({ kind: 'backup' }, 10)).toEqual([])
  })

  test('is found out in small steps, however large the jobs are', async () => {
    for (let n = 0; n < 12; n++) await store.create(draft({ params: { n, ids: 'x'.repeat(90_000) } }))
    expect(await all({}, 12)).toHaveLength(12)
  })

  test.each([{ limit: 0 }, { limit: 501 }, { limit: 1.5 }, { after: 'x' }, { after: '1-0' }])(
    'has no page %j',
    async (page) => {
      expect(await failureOf(store.list({}, page))).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    },
  )
})

test('no command of many jobs takes long', async () => {
  await admin.send(['CONFIG', 'SET', 'slowlog-log-slower-than', '5000'])
  await Promise.all(Array.from({ length: 900 }, () => store.create(draft())))
  await admin.send(['SLOWLOG', 'RESET'])
  const waiting = await store.waiting()
  expect(waiting).toHaveLength(900)
  await store.list({ state: 'done' }, {})
  await store.list({}, { limit: 500 })
  const slow = await admin.send<[number, number, number, string[]][]>(['SLOWLOG', 'GET', '10'])
  expect(slow.map(([, , us, [command]]) => [us, command])).toEqual([])
  await until('the others to be known', async () => (await store.waiting()).length === 900)
})
