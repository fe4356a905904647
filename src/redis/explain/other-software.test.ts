import { describe, expect, test } from 'vitest'
import { useRedis } from '../../../test/support/use-redis.ts'
import { failureOf } from '../../../test/support/until.ts'
import { RedisStreamCatalogue } from '../operations/catalogue.ts'
import { explainLab, SOON_DEAD } from '../../../test/support/explain-lab.ts'
import { RedisExplain } from './explain.ts'
import { Gatherer } from './gather.ts'

const { admin } = useRedis()
const lab = explainLab(admin)
const { send, add, read } = lab
const create = (start = '0') => send('XGROUP', 'CREATE', lab.stream, 'g', start, 'MKSTREAM')
/** For how long each consumer was idle, in ms. */
const consumersOf = async () =>
  (await send<unknown[][]>('XINFO', 'CONSUMERS', lab.stream, 'g')).map((row) =>
    Number(row[row.indexOf('idle') + 1]),
  )
const some = (count: number) => add(...Array.from({ length: count }, () => '*'))

describe('healthy', () => {
  test('a group that has read and acknowledged all', async () => {
    await create()
    const ids = await some(3)
    await read('c', 10)
    await send('XACK', lab.stream, 'g', ...ids)
    expect(await lab.explain()).toMatchObject({
      stream: lab.stream,
      group: 'g',
      verdict: 'healthy',
      severity: 'ok',
      also: [],
      commands: [],
      evidence: { software: 'other', behind: 0, pending: 0, consumers: 1, live: 1, liveConsumers: 'c' },
    })
  })

  test('a group without anything to read, or to read with', async () => {
    await create()
    expect(await lab.explain()).toMatchObject({ verdict: 'healthy', evidence: { consumers: 0, length: 0 } })
  })

  test('a group that has young entries to read is on its way to them', async () => {
    await create()
    await some(2)
    await read('c', 1)
    expect(await lab.explain()).toMatchObject({ verdict: 'healthy', evidence: { behind: 1 } })
  })
})

describe('trimmed-under', () => {
  test('entries that it never read were dropped', async () => {
    await create()
    await some(10)
    await read('c', 3)
    await send('XTRIM', lab.stream, 'MAXLEN', '2')
    const { summary, ...rest } = await lab.explain()
    expect(rest).toMatchObject({
      verdict: 'trimmed-under',
      severity: 'critical',
      evidence: { unreadGone: 5, pendingGone: 3, pending: 3, behind: 2 },
      commands: [
        `millrace stream info ${lab.stream}`,
        `millrace pending ls ${lab.stream} g`,
        `millrace pending ack ${lab.stream} g ${rest.evidence['firstGone']} --force`,
      ],
    })
    expect(summary).toMatch(/^5 entries that it had not read .* and 3 of 3 entries that are pending are gone/)
  })

  test('all of them were, and the stream is empty', async () => {
    await create()
    const ids = await some(4)
    await read('c', 1)
    await send('XACK', lab.stream, 'g', ids[0]!)
    await send('XTRIM', lab.stream, 'MAXLEN', '0')
    expect(await lab.explain()).toMatchObject({ verdict: 'trimmed-under', evidence: { unreadGone: 3 } })
  })

  test('single ones that are pending were deleted from the middle', async () => {
    await create()
    const ids = await some(5)
    await read('c', 5)
    await send('XDEL', lab.stream, ids[2]!)
    expect(await lab.explain()).toMatchObject({
      verdict: 'trimmed-under',
      evidence: { pendingGone: 1, firstGone: ids[2] },
    })
  })

  test('says "at least" where not all of them were looked at', async () => {
    await create()
    await some(150)
    await read('c', 150)
    await send('XTRIM', lab.stream, 'MAXLEN', '0')
    expect((await lab.explain()).summary).toContain('at least 100 of 150 entries that are pending')
  })

  test('is not said of what it had read and acknowledged', async () => {
    await create()
    const ids = await some(10)
    await read('c', 5)
    await send('XACK', lab.stream, 'g', ...ids.slice(0, 5))
    await send('XTRIM', lab.stream, 'MAXLEN', '5')
    expect(await lab.explain()).toMatchObject({ verdict: 'healthy', evidence: { behind: 5 } })
  })

  test('is not said of what went before the group was created', async () => {
    await some(10)
    await send('XTRIM', lab.stream, 'MAXLEN', '5')
    await create()
    const { verdict, evidence } = await lab.explain()
    expect([verdict, evidence['unreadGone']]).toEqual(['no-consumers', undefined])
  })

  test('is not said where the next ones were deleted on purpose', async () => {
    await create()
    const ids = await some(6)
    await read('c', 3)
    await send('XACK', lab.stream, 'g', ...ids.slice(0, 3))
    await send('XTRIM', lab.stream, 'MAXLEN', '3')
    await send('XDEL', lab.stream, ids[3]!)
    expect(await lab.explain()).toMatchObject({ verdict: 'healthy', evidence: { behind: 2 } })
  })

  test('is not said of what somebody deleted above its place on purpose', async () => {
    await create()
    const ids = await some(4)
    await read('c', 1)
    await send('XDEL', lab.stream, ids[2]!)
    expect(await lab.explain()).toMatchObject({ verdict: 'healthy', evidence: { behind: 2 } })
  })
})

test('poison-entry: it was delivered again and again', async () => {
  await create()
  const ids = await some(3)
  await read('c', 3)
  await send('XCLAIM', lab.stream, 'g', 'd', '0', ids[1]!, 'RETRYCOUNT', '7')
  await send('XCLAIM', lab.stream, 'g', 'd', '0', ids[2]!, 'RETRYCOUNT', '5')
  expect(await lab.explain()).toMatchObject({
    verdict: 'poison-entry',
    severity: 'critical',
    summary: `the entry ${ids[1]} was delivered 7 times, is not acknowledged and is held by "d", and so it is with 1 entry more`,
    evidence: { worst: ids[1], worstDeliveries: 7, worstConsumer: 'd', suspects: 2 },
    commands: [
      `millrace pending ls ${lab.stream} g`,
      `millrace pending ack ${lab.stream} g ${ids[1]} --force`,
    ],
  })
})

describe('dead-consumer', () => {
  test('claims what it holds for one that lives', async () => {
    await create()
    await some(3)
    await read('gone', 2)
    await send('XGROUP', 'CREATECONSUMER', lab.stream, 'g', 'here')
    const explanation = await lab.untilVerdict('dead-consumer', SOON_DEAD)
    expect(explanation).toMatchObject({
      severity: 'critical',
      evidence: { dead: 2, deadConsumers: 'gone', heldByDead: 2 },
    })
    await read('here', 1)
    const { commands } = await lab.explain({ minIdleMs: 60_000 })
    expect(commands).toEqual([])
  })

  test('the command names both', async () => {
    await create()
    const ids = await some(2)
    await read('gone', 1)
    const { evidence } = await lab.untilVerdict('dead-consumer', SOON_DEAD)
    expect(evidence['deadSilentMs']).toBeGreaterThan(20)
    await read("it's here", 1)
    await send('XACK', lab.stream, 'g', ids[1]!)
    const idle = Number((await lab.explain(SOON_DEAD)).evidence['deadSilentMs'])
    expect(await lab.explain({ minIdleMs: Math.max(1, idle - 5) })).toMatchObject({
      verdict: 'dead-consumer',
      commands: [
        `millrace consumer claim ${lab.stream} g --from gone --to 'it'\\''s here'`,
        `millrace consumer rm ${lab.stream} g gone`,
      ],
    })
  })
})

test('stuck-consumer: it lives and has left an entry alone for long', async () => {
  await create()
  const ids = await some(2)
  await read('c', 2)
  await send('XCLAIM', lab.stream, 'g', 'c', '0', ids[0]!, 'IDLE', '400000')
  const { summary, ...rest } = await lab.explain()
  expect(rest).toMatchObject({
    verdict: 'stuck-consumer',
    severity: 'warning',
    evidence: { oldestHeld: ids[0], oldestHeldBy: 'c' },
  })
  expect(rest.evidence['oldestHeldIdleMs']).toBeGreaterThanOrEqual(400_000)
  expect(rest.commands).toContain(`millrace pending ack ${lab.stream} g ${ids[0]} --force`)
  expect(summary).toContain('for 6 min')
})

describe('no-consumers', () => {
  test('it has none', async () => {
    await create()
    await some(3)
    expect(await lab.explain()).toMatchObject({
      verdict: 'no-consumers',
      severity: 'critical',
      summary:
        '3 entries to read, and it has no consumers: start one, or delete the group where nobody needs it',
      evidence: { behind: 3, consumers: 0 },
      commands: [`millrace group info ${lab.stream} g`, `millrace group delete ${lab.stream} g --dry-run`],
    })
  })

  test('none of them has asked for longer than the entries are there', async () => {
    await create()
    await read('c', 1)
    await send('XGROUP', 'CREATECONSUMER', lab.stream, 'g', 'c')
    await add('1-1')
    expect(await lab.untilVerdict('no-consumers', SOON_DEAD)).toMatchObject({ evidence: { dead: 1 } })
  })

  test('is not said where one asks once in a while, and what came is younger than that', async () => {
    await create()
    await read('c', 1)
    await send('XGROUP', 'CREATECONSUMER', lab.stream, 'g', 'c')
    await expect.poll(async () => (await consumersOf())[0], { timeout: 5_000 }).toBeGreaterThan(2_000)
    await some(1)
    expect(await lab.explain({ minIdleMs: 2_000 })).toMatchObject({
      verdict: 'healthy',
      evidence: { dead: 1 },
    })
  })
})

describe('started-late', () => {
  test('it was created behind entries that are there', async () => {
    const ids = await some(5)
    await create('$')
    expect(await lab.explain()).toMatchObject({
      verdict: 'started-late',
      severity: 'warning',
      evidence: { length: 5, behind: 0, first: ids[0], lastDelivered: ids[4] },
      commands: [`millrace group reset ${lab.stream} g --to start`],
    })
  })

  test('one entry is spoken of as one', async () => {
    await some(1)
    await create('$')
    expect((await lab.explain()).summary).toContain('created behind 1 entry that is still there')
  })

  test.each([
    ['created before them', '0', 0],
    ['created on an empty stream', '$', 0],
    ['read all of them since', '0', 5],
  ])('is not said of one that was %s', async (_, start, count) => {
    await create(start)
    const ids = await some(5)
    if (count > 0) {
      await read('c', count)
      await send('XACK', lab.stream, 'g', ...ids)
    }
    expect(['healthy', 'no-consumers']).toContain((await lab.explain()).verdict)
  })

  test('is not said once it has caught up with what came later', async () => {
    await some(5)
    await create('$')
    const ids = await some(1)
    await read('c', 1)
    await send('XACK', lab.stream, 'g', ...ids)
    expect((await lab.explain()).verdict).toBe('healthy')
  })

  test('is not said where entries were deleted singly: the server does not know then', async () => {
    const ids = await some(5)
    await create('$')
    await send('XDEL', lab.stream, ids[2]!)
    expect((await lab.explain()).verdict).toBe('healthy')
  })
})

describe('watched twice', () => {
  /** Goes on while the groups are explained. */
  async function during<T>(call: Promise<T>, step: () => Promise<unknown>): Promise<T> {
    const under = { way: true }
    const over = call.finally(() => (under.way = false))
    while (under.way) await step()
    return over
  }
  const old = (count: number) => add(...Array.from({ length: count }, (_, n) => `${n + 1}-1`))

  test('falling-behind: more comes in than it reads', async () => {
    await create()
    await old(20)
    await read('c', 1)
    const call = lab.explain({ sampleMs: 100, busy: true })
    const { summary, ...rest } = await during(call, () => some(2))
    expect(rest).toMatchObject({
      verdict: 'falling-behind',
      severity: 'warning',
      evidence: { behindBefore: expect.any(Number) },
    })
    expect(Number(rest.evidence['behind'])).toBeGreaterThan(19)
    expect(summary).toContain('does not catch up')
  })

  test('draining: it reads more than comes in', async () => {
    await create()
    await old(5_000)
    await read('c', 1)
    const call = lab.explain({ sampleMs: 50, busy: true })
    expect(await during(call, () => read('c', 1))).toMatchObject({
      verdict: 'draining',
      severity: 'ok',
      commands: [],
      summary: expect.stringContaining('catches up'),
    })
  })
})

test('lag-unknown: entries were deleted, and there are too many to count', async () => {
  await create()
  const ids = await some(1_000)
  await read('c', 500)
  await send('XACK', lab.stream, 'g', ...ids.slice(0, 500))
  await send('XDEL', lab.stream, ids[700]!)
  expect(await lab.explain()).toMatchObject({
    verdict: 'lag-unknown',
    severity: 'warning',
    evidence: { behind: 'unknown', deletedSingly: true },
    commands: [`millrace stream info ${lab.stream}`],
  })
})

test('several at once: the critical ones first, then in the order of the table', async () => {
  await create()
  const ids = await some(10)
  await read('gone', 4)
  await send('XCLAIM', lab.stream, 'g', 'gone', '0', ids[3]!, 'RETRYCOUNT', '9')
  await send('XTRIM', lab.stream, 'MAXLEN', '8')
  const explanation = await lab.untilVerdict('trimmed-under', SOON_DEAD)
  await lab.explain(SOON_DEAD)
  expect(explanation.also[0]).toBe('poison-entry')
  await expect.poll(async () => (await lab.explain(SOON_DEAD)).also).toContain('dead-consumer')
})

describe('names', () => {
  const explain = new RedisExplain(admin, new RedisStreamCatalogue(admin))

  test.each([
    ['UNKNOWN_STREAM', { stream: 'none' }],
    ['UNKNOWN_STREAM', { stream: 'text' }],
    ['UNKNOWN_GROUP', { stream: 'numbers', group: 'none' }],
    ['CONFIGURATION_INVALID', { group: 'g' }],
    ['CONFIGURATION_INVALID', { sampleMs: 0 }],
    ['CONFIGURATION_INVALID', { minIdleMs: Number.NaN }],
    ['NAME_INVALID', { stream: '' }],
  ])('%s for %j', async (code, options) => {
    await send('SET', 'text', '1')
    await send('XADD', 'numbers', '*', 'a', 'b')
    expect(await failureOf(explain.explain(options))).toMatchObject({ code })
  })

  test('that no shell and no terminal may see as they are', async () => {
    const stream = `--{a} b'c\n$(reboot)`
    await send('XGROUP', 'CREATE', stream, `g;rm -rf`, '0', 'MKSTREAM')
    await send('XADD', stream, '*', 'a', 'b')
    const all = await explain.explain({ sampleMs: 1 })
    const mine = all.find((one) => one.stream === stream)
    expect(mine!.commands[0]).toBe(`millrace group info -- $'--{a} b\\'c\\u000a$(reboot)' 'g;rm -rf'`)
  })

  test('one group of several, gravest first of all', async () => {
    await create()
    await send('XGROUP', 'CREATE', lab.stream, 'idle', '$')
    await some(2)
    await read('c', 2)
    const named = await explain.explain({ stream: lab.stream, sampleMs: 1 })
    expect(named.map(({ group, severity }) => [group, severity])).toEqual([
      ['idle', 'critical'],
      ['g', 'ok'],
    ])
    expect(await explain.explain({ stream: lab.stream, group: 'g' })).toMatchObject([{ group: 'g' }])
  })

  test('a stream without groups has nothing to explain', async () => {
    await some(1)
    expect(await explain.explain({ stream: lab.stream })).toEqual([])
  })
})

test('ends when it is told to', async () => {
  const explain = new RedisExplain(admin, new RedisStreamCatalogue(admin))
  const why = new Error('enough')
  await some(1)
  expect(await failureOf(explain.explain({ signal: AbortSignal.abort(why) }))).toBe(why)
})

test('a group that is destroyed meanwhile is left out', async () => {
  await create()
  await some(1)
  await read('c', 1)
  const gatherer = new Gatherer(admin)
  const stand = (await gatherer.stand(lab.stream))!
  await send('XGROUP', 'DESTROY', lab.stream, 'g')
  expect(await gatherer.evidence(stand, stand.groups.get('g')!, 1)).toBeUndefined()
  await send('DEL', lab.stream)
  expect(await gatherer.evidence(stand, stand.groups.get('g')!, 1)).toBeUndefined()
})
