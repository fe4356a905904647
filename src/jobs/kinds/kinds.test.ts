import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { useLog, useRedis } from '../../../test/support/use-redis.ts'
import type { InvalidError } from '../../core/errors.ts'
import type { Job, JobKind } from '../../core/jobs.ts'
import { deadLetterKey, inletKey } from '../../redis/keys.ts'
import { JobService } from '../job-service.ts'
import { operationWorks } from './kinds.ts'

const { server, admin } = useRedis()
const log = useLog(server)
const ada = { actor: 'ada@example.com', reason: 'mails were lost' }
const GROUP = 'mailer'
let jobs: JobService
let stream: string
let streams = 0

beforeEach(async () => {
  stream = `kinds:${streams++}`
  jobs = new JobService(log.operations.jobStore, operationWorks(log.operations))
  await jobs.runner.start()
})
afterEach(() => jobs.runner.stop(2_000))

const send = <T>(...args: string[]) => admin.send<T>(args)
const length = (key: string) => send<number>('XLEN', key)
async function publish(count: number, fields = (n: number) => ['type', 't', 'data', String(n)]) {
  const entries = Array.from({ length: count }, (_, n) => ({ fields: fields(n) }))
  return (await log.append(stream, entries)) as string[]
}
const createGroup = (start = '$') => send('XGROUP', 'CREATE', stream, GROUP, start, 'MKSTREAM')
const start = (kind: JobKind, params: object, more = {}): Promise<Job> =>
  jobs.start({ kind, params: params as Job['params'], ...ada, ...more })
async function ended(id: string): Promise<Job> {
  return until('the end', async () => {
    const job = await jobs.get(id)
    return job.finishedAt === undefined ? undefined : job
  })
}
const run = async (kind: JobKind, params: object, more = {}): Promise<Job> => {
  const { id } = await start(kind, params, more)
  const job = await ended(id)
  expect(job).toMatchObject({ state: 'done' })
  return job
}
const progressed = (id: string, done: number) =>
  until('some progress', async () => (await jobs.get(id)).progress.done >= done)
/** Ends the runner in the middle of a job, and starts another one. */
async function replaceRunner(): Promise<void> {
  await jobs.runner.stop(5_000)
  jobs = new JobService(log.operations.jobStore, operationWorks(log.operations))
  await jobs.runner.start()
}
const pathsOf = (error: unknown) => (error as InvalidError).issues?.map(({ path }) => path)
const numbersIn = async (key: string) =>
  (await send<[string, string[]][]>('XRANGE', key, '-', '+')).map(([, fields]) => Number(fields[3]))

describe('replay', () => {
  test('copies a range to a group, and says before how much that is', async () => {
    await createGroup()
    const positions = await publish(30)
    const params = { stream, group: GROUP, from: positions[5], to: positions[14] }
    expect(await jobs.preview('replay', params)).toMatchObject({
      count: 10,
      unit: 'entries',
      complete: true,
      detail: { first: positions[5], last: positions[14] },
    })
    const { result, progress } = await run('replay', params)
    expect(result).toEqual({ copied: 10, skipped: 0, from: positions[5], to: positions[14] })
    expect(progress).toEqual({ done: 10, total: 10, unit: 'entries' })
    expect(await numbersIn(inletKey(stream, GROUP))).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
  })

  test('takes moments, also as a Date', async () => {
    await createGroup()
    await publish(3)
    const params = { stream, group: GROUP, from: new Date(0), to: '2999-01-01T00:00:00+02:00' }
    const job = await run('replay', params)
    expect(job.params).toMatchObject({ from: '1970-01-01T00:00:00.000Z', to: '2998-12-31T22:00:00.000Z' })
    expect(job.result).toMatchObject({ copied: 3 })
  })

  test('goes on after its runner was stopped, and copies each entry once', async () => {
    await publish(3_000)
    const to = `${stream}:again`
    const { id } = await start('replay', { stream, toStream: to }, { ratePerSecond: 1_000 })
    await progressed(id, 200)
    await replaceRunner()
    // Retention keeps what the next runner needs.
    expect(await log.operations.holds.list(stream)).toHaveLength(1)
    await jobs.limit(id, undefined, ada)
    expect((await ended(id)).result).toMatchObject({ copied: 3_000 })
    expect(await numbersIn(to)).toEqual(Array.from({ length: 3_000 }, (_, n) => n))
    expect(await log.operations.holds.list(stream)).toEqual([])
  })

  test('that is cancelled lets go of what it needs, and can be taken up again', async () => {
    await publish(2_000)
    const to = `${stream}:again`
    const { id } = await start('replay', { stream, toStream: to }, { ratePerSecond: 500 })
    await progressed(id, 50)
    await jobs.cancel(id, ada)
    expect((await ended(id)).state).toBe('cancelled')
    const copied = await length(to)
    expect(copied).toBeLessThan(2_000)
    expect(await log.operations.holds.list(stream)).toEqual([])
    await jobs.limit(id, undefined, ada).catch(() => {})
    await jobs.resume(id, ada)
    await jobs.limit(id, undefined, ada)
    expect((await ended(id)).result).toMatchObject({ copied: 2_000 })
    expect(await length(to)).toBe(2_000)
  })

  test('is slowed down and sped up while it runs', async () => {
    await publish(4_000)
    const { id } = await start('replay', { stream, toStream: `${stream}:to` }, { ratePerSecond: 5 })
    await progressed(id, 1)
    await jobs.limit(id, 1_000_000, ada)
    expect((await ended(id)).result).toMatchObject({ copied: 4_000 })
  })

  test('of what is not there is refused at once', async () => {
    expect(await failureOf(start('replay', { stream: 'none', group: GROUP }))).toMatchObject({
      code: 'UNKNOWN_STREAM',
    })
    await publish(1)
    expect(await failureOf(start('replay', { stream, group: 'none' }))).toMatchObject({
      code: 'UNKNOWN_GROUP',
    })
  })

  test('to a group that is deleted meanwhile fails, is let go of, and goes on when it is there again', async () => {
    await createGroup()
    await publish(500)
    const { id } = await start('replay', { stream, group: GROUP }, { ratePerSecond: 50 })
    await progressed(id, 5)
    await send('XGROUP', 'DESTROY', stream, GROUP)
    expect(await ended(id)).toMatchObject({ state: 'failed', error: { code: 'UNKNOWN_GROUP' } })
    const held = async () => (await log.operations.holds.list(stream)).length
    expect(await held()).toBe(1)
    expect(await jobs.cancel(id, ada)).toMatchObject({ state: 'cancelled' })
    expect(await held()).toBe(0)
    await createGroup()
    await jobs.resume(id, ada)
    await jobs.limit(id, undefined, ada)
    expect(await ended(id)).toMatchObject({ state: 'done', result: { copied: 500 } })
  })
})

describe('copy', () => {
  test('makes a stream of another name, byte by byte, once', async () => {
    const bytes = [Buffer.from([0, 255, 10, 13]), Buffer.from('ünï')] as unknown as string[]
    await admin.send(['XADD', stream, '*', ...bytes])
    await publish(400)
    const to = `${stream}{copy}`
    expect(await jobs.preview('copy', { stream, to })).toMatchObject({ count: 401 })
    expect((await run('copy', { stream, to })).result).toMatchObject({ copied: 401 })
    const digest = `return redis.sha1hex(table.concat(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1][2], ','))`
    expect(await send('EVAL', digest, '1', to)).toBe(await send('EVAL', digest, '1', stream))
    expect((await numbersIn(to)).slice(1)).toEqual(Array.from({ length: 400 }, (_, n) => n))
    expect(await send('XINFO', 'GROUPS', to)).toEqual([])
  })

  test('adds to a stream that is there only when told so', async () => {
    await publish(3)
    const to = `${stream}:to`
    await send('XADD', to, '*', 'a', 'b')
    expect(await failureOf(start('copy', { stream, to }))).toMatchObject({
      code: 'JOB_CONFLICT',
      message: expect.stringContaining('1 entries'),
    })
    await run('copy', { stream, to, append: true })
    expect(await length(to)).toBe(4)
  })

  test('by two at once is done by one of them', async () => {
    await publish(200)
    const to = `${stream}:to`
    // The same twice is refused at once; what differs finds the stream when it begins.
    const both = await Promise.allSettled([
      start('copy', { stream, to }),
      start('copy', { stream, to }),
      start('copy', { stream, to, from: '0-1' }),
    ])
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    const ids = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value.id] : []))
    const ends = await Promise.all(ids.map(ended))
    expect(ends.map(({ state }) => state).toSorted()).toEqual(['done', 'failed'])
    expect(ends.find(({ error }) => error)?.error?.code).toBe('REPLAY_CONFLICT')
    expect(await length(to)).toBe(200)
  })
})

describe.each(['redrive', 'discard'] as const)('%s', (kind) => {
  let ids: string[]
  async function letters(count: number, group = GROUP): Promise<void> {
    await createGroup()
    ids = []
    const command = (n: number) => {
      const why = [
        'deadletter-stream',
        stream,
        'deadletter-position',
        `${n + 1}-0`,
        'deadletter-group',
        group,
      ]
      const rest = [
        'deadletter-error',
        n % 2 ? 'ODD' : 'EVEN',
        'deadletter-attempts',
        '3',
        'deadletter-reason',
        'x',
      ]
      return ['XADD', deadLetterKey(stream), '*', 'type', 't', 'data', String(n), ...why, ...rest]
    }
    for (let from = 0; from < count; from += 500) {
      const page = Array.from({ length: Math.min(500, count - from) }, (_, n) => command(from + n))
      ids.push(...(await Promise.all(page.map((args) => send<string>(...args)))))
    }
  }
  const left = () => length(deadLetterKey(stream))

  test('deals with those of a filter, and leaves the others', async () => {
    await letters(40)
    const params = { stream, filter: { error: 'ODD' } }
    expect(await jobs.preview(kind, params)).toMatchObject({
      count: 20,
      unit: 'letters',
      detail: { refused: 0, missing: 0 },
    })
    expect(await left()).toBe(40)
    const job = await run(kind, params)
    expect(job.result).toMatchObject({ done: 20, refused: 0, missing: 0 })
    expect(job.progress).toEqual({ done: 20, total: 20, unit: 'letters' })
    expect(await left()).toBe(20)
    const inlet = kind === 'redrive' ? 20 : 0
    expect(await length(inletKey(stream, GROUP))).toBe(inlet)
    const { records } = await log.operations.actions.actions(stream)
    expect(records[0]).toMatchObject({ action: kind, ...ada })
  })

  test('goes on with the rest, and leaves those that came later alone', async () => {
    await letters(600)
    const { id } = await start(kind, { stream, filter: {} }, { ratePerSecond: 200 })
    await progressed(id, 40)
    await replaceRunner()
    const before = await left()
    expect(before).toBeGreaterThan(0)
    const more = await send<string>(
      'XADD',
      deadLetterKey(stream),
      '*',
      'type',
      't',
      'deadletter-group',
      GROUP,
    )
    await jobs.limit(id, undefined, ada)
    const job = await ended(id)
    expect(job).toMatchObject({ state: 'done', result: { done: 600, refused: 0, missing: 0 } })
    expect(job.progress).toEqual({ done: 600, total: 600, unit: 'letters' })
    expect(await left()).toBe(1)
    expect(await send('XRANGE', deadLetterKey(stream), more, more)).toHaveLength(1)
  })

  test('deals with those that are named, once each', async () => {
    await letters(10)
    const gone = '1-1'
    const job = await run(kind, { stream, ids: [ids[1], ids[1], ids[3], gone] })
    expect(job.result).toMatchObject({ done: 2, missing: 1 })
    expect(await left()).toBe(8)
  })

  test('of no letters is done at once, and of no stream refused', async () => {
    await publish(1)
    expect((await run(kind, { stream, filter: {} })).result).toMatchObject({ done: 0 })
    expect(await failureOf(start(kind, { stream: 'none', filter: {} }))).toMatchObject({
      code: 'UNKNOWN_STREAM',
    })
  })

  test('tells every mistake', async () => {
    const both = await failureOf(
      start(kind, { stream: '', ids: ['x'], filter: { grup: 1, from: 'yesterday' } }),
    )
    expect(pathsOf(both)).toEqual(['stream', 'ids', 'ids', 'filter.from', 'filter.grup'])
    for (const ids of [[], 'x', [1], Array.from({ length: 5_001 }, (_, n) => `${n}-0`)])
      expect(pathsOf(await failureOf(start(kind, { stream, ids })))).toContain('ids')
    const turned = { from: '2026-02-01', to: '2026-01-01' }
    expect(pathsOf(await failureOf(start(kind, { stream, filter: turned })))).toEqual(['filter.from'])
  })
})

test('redrive says what it will refuse: the letters of a group that is gone', async () => {
  await publish(1)
  const why = ['deadletter-stream', stream, 'deadletter-position', '1-0', 'deadletter-group', 'gone']
  await send('XADD', deadLetterKey(stream), '*', 'type', 't', 'data', '1', ...why)
  const preview = await jobs.preview('redrive', { stream, filter: {} })
  expect(preview).toMatchObject({ count: 0, detail: { refused: 1, refusals: [{ code: 'unknown-group' }] } })
  const { result } = await run('redrive', { stream, filter: {} })
  expect(result).toMatchObject({ done: 0, refused: 1, refusals: [{ code: 'unknown-group' }] })
  expect(await failureOf(start('redrive', { stream, filter: { group: 'gone' } }))).toMatchObject({
    code: 'UNKNOWN_GROUP',
  })
})

describe('trim', () => {
  test('drops what nobody needs, says before how much, and leaves records', async () => {
    await publish(500)
    const params = { stream, maxLength: 120 }
    const expected = { count: 380, unit: 'entries', complete: true, detail: { trimmed: 380, capped: 0 } }
    expect(await jobs.preview('trim', params)).toMatchObject(expected)
    expect(await length(stream)).toBe(500)
    const job = await run('trim', params)
    expect(job.result).toEqual({ trimmed: 380, capped: 0 })
    expect(await length(stream)).toBe(120)
    const { records } = await log.operations.actions.actions(stream)
    expect(records.map(({ action, count, detail }) => [action, count, detail['state']])).toEqual([
      ['trim', 380, 'done'],
      ['trim', 0, 'started'],
    ])
    expect(new Set(records.map(({ run: name }) => name))).toEqual(new Set([`job ${job.id}`]))
    expect(records[0]).toMatchObject({ ...ada, detail: { maxLength: '120' } })
  })

  test('makes room while the memory is full', async () => {
    await publish(2_000)
    const used = Number(/used_memory:(\d+)/.exec(await send<string>('INFO', 'memory'))?.[1])
    await send('CONFIG', 'SET', 'maxmemory', String(used))
    try {
      await expect(publish(1)).resolves.toMatchObject([{ code: 'REDIS_REFUSED' }])
      await run('trim', { stream, maxLength: 0 })
      expect(await length(stream)).toBeLessThan(200)
    } finally {
      await send('CONFIG', 'SET', 'maxmemory', '0')
    }
    expect((await log.operations.actions.actions(stream)).records[0]).toMatchObject({ action: 'trim' })
  })

  test('never drops what a group needs, unless hard and with force', async () => {
    const positions = await publish(300)
    await createGroup(positions[99])
    expect(await jobs.preview('trim', { stream, maxLength: 10 })).toMatchObject({ count: 100 })
    expect((await run('trim', { stream, maxLength: 10 })).result).toEqual({ trimmed: 100, capped: 0 })
    expect(await length(stream)).toBe(200)
    expect(pathsOf(await failureOf(start('trim', { stream, hardMaxLength: 10 })))).toEqual(['force'])
    const hard = { stream, hardMaxLength: 10, force: true }
    expect(await jobs.preview('trim', hard)).toMatchObject({ count: 190, detail: { capped: 190 } })
    expect((await run('trim', hard)).result).toEqual({ trimmed: 0, capped: 190 })
    expect(await length(stream)).toBe(10)
  })

  test('drops what lies below a position or a moment, and nothing at it', async () => {
    const positions = await publish(100)
    expect(await jobs.preview('trim', { stream, before: positions[30] })).toMatchObject({ count: 30 })
    expect((await run('trim', { stream, before: positions[30] })).result).toMatchObject({ trimmed: 30 })
    const [[first]] = await send<[[string]]>('XRANGE', stream, '-', '+', 'COUNT', '1')
    expect(first).toBe(positions[30])
    const future = { stream, before: '2999-01-01T00:00:00Z' }
    expect((await run('trim', future)).result).toMatchObject({ trimmed: 70 })
    expect(await length(stream)).toBe(0)
  })

  test('ends between two steps when it is cancelled, and goes on when it is resumed', async () => {
    await publish(9_000)
    const { id } = await start('trim', { stream, maxLength: 0 }, { ratePerSecond: 100 })
    await progressed(id, 1_000)
    await jobs.cancel(id, ada)
    expect((await ended(id)).state).toBe('cancelled')
    expect(await length(stream)).toBeGreaterThan(0)
    await jobs.resume(id, ada)
    await jobs.limit(id, undefined, ada)
    const job = await ended(id)
    expect(await length(stream)).toBe(0)
    expect(job.progress.done).toBe(job.progress.total)
    const { records } = await log.operations.actions.actions(stream)
    expect(records.map(({ detail }) => detail['state'])).toEqual(['done', 'stopped', 'started'])
  })

  test('tells every mistake', async () => {
    const cases: [object, string[]][] = [
      [{ stream }, ['maxLength']],
      [
        { stream, maxLength: -1, maxAgeMs: 0, hardMaxLength: 1.5, force: 'yes' },
        ['maxLength', 'maxAgeMs', 'hardMaxLength', 'force', 'force'],
      ],
      [{ stream, before: '1-0', maxAgeMs: 5 }, ['before']],
      [{ stream, before: '18446744073709551616-0' }, ['before']],
      [{ stream, hardMaxLength: 5, maxLength: 6, force: true }, ['hardMaxLength']],
      [{ stream, maxLenght: 5 }, ['maxLength', 'maxLenght']],
    ]
    for (const [params, paths] of cases)
      expect(pathsOf(await failureOf(start('trim', params)))).toEqual(paths)
  })
})

describe('the parameters of a replay or a copy', () => {
  test.each<[string, JobKind, unknown, string[]]>([
    ['nothing', 'replay', undefined, ['params', 'stream', 'group']],
    ['a list', 'replay', [], ['params', 'stream', 'group']],
    ['both targets', 'replay', { stream: 'a', group: 'g', toStream: 'b' }, ['group']],
    [
      'garbage',
      'replay',
      { stream: 7, group: '', from: 'yesterday', to: 5, x: 1 },
      ['stream', 'group', 'from', 'to', 'x'],
    ],
    ['the wrong way round', 'replay', { stream: 'a', group: 'g', from: '9-0', to: '8-5' }, ['from']],
    [
      'the wrong way round in moments',
      'replay',
      { stream: 'a', group: 'g', from: '2026-02-01', to: '5-0' },
      ['from'],
    ],
    ['a moment without a zone', 'replay', { stream: 'a', group: 'g', from: '2026-02-01T10:00:00' }, ['from']],
    ['a day that is none', 'replay', { stream: 'a', group: 'g', from: '2026-13-41' }, ['from']],
    ['its own stream', 'copy', { stream: 'a', to: 'a' }, ['to']],
    ['dead letters as the target', 'copy', { stream: 'a', to: '{a}:dead-letter' }, ['to']],
    ['an inlet as the target', 'replay', { stream: 'a', toStream: '{a}:group:g:inlet' }, ['toStream']],
    ['no flag', 'copy', { stream: 'a', to: 'b', append: 'yes' }, ['append']],
    ['a name with a line break', 'copy', { stream: 'a\n', to: 'b' }, ['stream']],
  ])('%s', async (_, kind, params, paths) => {
    const failure = await failureOf(start(kind, params as object))
    expect(failure).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    expect(pathsOf(failure)).toEqual(paths)
    expect(pathsOf(await failureOf(jobs.preview(kind, params as Job['params'])))).toEqual(paths)
  })
})
