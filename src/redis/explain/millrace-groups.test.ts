import { describe, expect, test } from 'vitest'
import { acknowledge, positions, redisLab } from '../../../test/support/redis-lab.ts'
import type { Claim } from '../../core/stream-log.ts'
import { groupKeys } from '../keys.ts'
import { explainLab } from '../../../test/support/explain-lab.ts'

const redis = redisLab()
const lab = explainLab(redis.admin, () => redis.stream)
const operations = () => redis.log.operations
const operator = { actor: 'ada', reason: 'a drill' }
const GROUP = 'group'
const on = (verb: string, rest = '') => `millrace ${verb} ${redis.stream} ${GROUP}${rest}`

const join = (consumer: string) => redis.join({ consumer })

/** As if nobody had heard of it for so long. */
const silence = (consumer: string, ms: number) =>
  redis.send('ZINCRBY', groupKeys(redis.stream, GROUP).heartbeats, String(-ms), consumer)
const retry = ([claim]: readonly Claim[], attempts: number) => [
  { kind: 'retry' as const, position: claim!.position, attempts, delayMs: 3_600_000 },
]

test('healthy: all was acknowledged', async () => {
  const consumer = await join('one')
  await redis.append(3)
  await consumer.settle(acknowledge(await redis.claimCount(consumer, 3)))
  expect(await lab.explain()).toMatchObject({
    verdict: 'healthy',
    evidence: { software: 'millrace', live: 1, pending: 0, behind: 0 },
  })
})

describe('trimmed-under', () => {
  test('what it had read no entry of, and what it holds', async () => {
    const consumer = await join('one')
    await redis.append(10)
    await redis.claimCount(consumer, 2)
    await redis.send('XTRIM', redis.stream, 'MAXLEN', '3')
    expect(await lab.explain()).toMatchObject({
      verdict: 'trimmed-under',
      severity: 'critical',
      evidence: { unreadGone: 5, pendingGone: 2, behind: 3 },
    })
  })

  test('what the hard cap dropped in the past is a warning, and hides nothing that is grave now', async () => {
    const consumer = await join('one')
    await redis.append(10)
    await redis.claimCount(consumer, 1)
    const policy = { hardMaxLength: 4 }
    const target = { stream: redis.stream, policy, groups: [] }
    while ((await operations().retention.trim(target as never)).more);
    await consumer.settle(acknowledge(await redis.claimCount(consumer, 4)))
    const [first] = await redis.send<[string][]>('XPENDING', redis.stream, GROUP, '-', '+', '1')
    await consumer.settle(acknowledge([{ position: first![0] }]))
    expect(await lab.explain()).toMatchObject({
      verdict: 'trimmed-under',
      severity: 'warning',
      evidence: { recordedGone: 6, pending: 0, behind: 0 },
      commands: [`millrace stream info ${redis.stream}`],
    })
    await consumer.leave()
    await redis.append(1)
    expect(await lab.explain()).toMatchObject({ verdict: 'no-consumers', also: ['trimmed-under'] })
  })
})

describe('an entry that fails', () => {
  test('a few times is retrying', async () => {
    const consumer = await join('one')
    await redis.append(1)
    await consumer.settle(retry(await redis.claimCount(consumer, 1), 2))
    expect(await lab.explain()).toMatchObject({
      verdict: 'retrying',
      severity: 'ok',
      summary: '1 entry failed, to be tried again',
      evidence: { waiting: 1, pending: 1, consumers: 1 },
      commands: [],
    })
  })

  test('again and again is a poison-entry', async () => {
    const consumer = await join('one')
    await redis.append(1)
    const claims = await redis.claimCount(consumer, 1)
    await consumer.settle(retry(claims, 6))
    const [position] = positions(claims)
    expect(await lab.explain()).toMatchObject({
      verdict: 'poison-entry',
      severity: 'warning',
      also: ['retrying'],
      summary: `the entry ${position} was started 6 times, is not acknowledged and waits for its retry`,
      evidence: { worst: position, worstDeliveries: 6 },
      commands: [on('pending ls'), on('pending ack', ` ${position}`)],
    })
  })
})

describe('dead-consumer', () => {
  test('the only member is gone with what it held', async () => {
    const consumer = await join('one')
    await redis.append(3)
    await redis.claimCount(consumer, 3)
    await silence('one', 25_000)
    const explanation = await lab.explain()
    expect(explanation).toMatchObject({
      verdict: 'dead-consumer',
      severity: 'critical',
      evidence: { live: 0, dead: 1, deadConsumers: 'one', heldByDead: 3 },
      commands: [on('consumer release', ` one`)],
    })
    expect(explanation.evidence['deadSilentMs']).toBeGreaterThanOrEqual(25_000)
  })

  test('is no problem while one lives that takes over, and is one when it does not', async () => {
    const [dead] = [await join('one'), await join('two')]
    await redis.append(1)
    await redis.claimCount(dead, 1)
    await silence('one', 25_000)
    expect((await lab.explain()).verdict).toBe('healthy')
    await silence('one', 200_000)
    expect((await lab.explain()).verdict).toBe('dead-consumer')
    await operations().control.pause(redis.stream, GROUP)
    expect((await lab.explain()).verdict).toBe('paused')
  })
})

test('stuck-consumer: a member lives and holds an entry that came long ago', async () => {
  const consumer = await join('one')
  await redis.send('XADD', redis.stream, '1000-1', 'data', 'x')
  await redis.claimCount(consumer, 1)
  expect(await lab.explain()).toMatchObject({
    verdict: 'stuck-consumer',
    severity: 'warning',
    evidence: { oldestHeld: '1000-1', oldestHeldBy: 'one' },
    summary: expect.stringContaining('unless it read that only lately'),
    commands: [on('pending ls'), on('consumer release', ` one --force`)],
  })
  await redis.append(1)
  await redis.claimCount(consumer, 1)
  expect((await lab.explain()).verdict).toBe('stuck-consumer')
  await redis.send('XADD', redis.stream, '*', 'data', 'x')
  expect((await lab.explain()).verdict).toBe('stuck-consumer')
})

test('it is found behind more retries than are looked at', async () => {
  const consumer = await join('one')
  for (let n = 1; n <= 120; n++) await redis.send('XADD', redis.stream, `1-${n}`, 'data', 'x')
  const failed = await redis.claimCount(consumer, 120)
  await consumer.settle(failed.flatMap((claim) => retry([claim], 1)))
  await redis.send('XADD', redis.stream, '1000-1', 'data', 'x')
  await redis.claimCount(consumer, 1)
  expect(await lab.explain()).toMatchObject({
    verdict: 'stuck-consumer',
    evidence: { oldestHeld: '1000-1', waiting: 120 },
  })
})

test('an old entry in hand is nothing while there are old ones to read', async () => {
  const consumer = await join('one')
  await redis.send('XADD', redis.stream, '1000-1', 'data', 'x')
  await redis.send('XADD', redis.stream, '1000-2', 'data', 'x')
  await redis.claimCount(consumer, 1)
  expect((await lab.explain()).verdict).toBe('falling-behind')
})

describe('no-consumers', () => {
  test('there are entries, and all members have left', async () => {
    await (await redis.join()).leave()
    await redis.append(2)
    expect(await lab.explain()).toMatchObject({
      verdict: 'no-consumers',
      evidence: { software: 'millrace', behind: 2, consumers: 0 },
    })
  })

  test('there are retries, and all members have left', async () => {
    const consumer = await join('one')
    await redis.append(1)
    await consumer.settle(retry(await redis.claimCount(consumer, 1), 1))
    await consumer.leave()
    expect(await lab.explain()).toMatchObject({
      verdict: 'no-consumers',
      also: ['retrying'],
      summary: expect.stringContaining('1 entry waiting for a retry, and it has no consumers'),
    })
  })

  test('there are entries that were replayed to it', async () => {
    const consumer = await join('one')
    await redis.append(2)
    await consumer.settle(acknowledge(await redis.claimCount(consumer, 2)))
    await consumer.leave()
    await operations().replays.replay({
      stream: redis.stream,
      name: 'again',
      target: { group: GROUP },
      ...operator,
    })
    expect(await lab.explain()).toMatchObject({ verdict: 'no-consumers', evidence: { inlet: 2, behind: 0 } })
  })
})

test('started-late: it was to begin at the end', async () => {
  const [first, last] = await redis.append(2)
  await redis.join({ start: '$' })
  expect(await lab.explain()).toMatchObject({
    verdict: 'started-late',
    severity: 'warning',
    commands: [
      `millrace replay ${redis.stream} --group ${GROUP} --from ${first} --to ${last}`,
      on('group reset', ' --to start'),
    ],
  })
})

test('paused: by an operator', async () => {
  await redis.join()
  await redis.append(2)
  await operations().control.pause(redis.stream, GROUP)
  const explanation = await lab.explain()
  expect(explanation).toMatchObject({
    verdict: 'paused',
    severity: 'warning',
    summary: expect.stringMatching(/^an operator paused it .* ago, with 2 entries to read$/),
    commands: [on('group resume')],
  })
  expect(explanation.evidence['pausedMs']).toBeGreaterThanOrEqual(0)
  await operations().control.resume(redis.stream, GROUP)
  expect((await lab.explain()).verdict).toBe('healthy')
})

test('a group of other software that somebody paused or reset does not become one of Millrace', async () => {
  await redis.append(2)
  await redis.send('XGROUP', 'CREATE', redis.stream, GROUP, '0')
  await operations().control.pause(redis.stream, GROUP)
  await operations().resets.reset({ stream: redis.stream, group: GROUP, to: 'start' }, operator)
  expect(await lab.explain()).toMatchObject({ verdict: 'no-consumers', evidence: { software: 'other' } })
})

test('companions that hold something else than they should hold up nothing', async () => {
  await redis.append(1)
  await redis.send('XGROUP', 'CREATE', redis.stream, GROUP, '0')
  const { stream: _, lease: __, ...companions } = groupKeys(redis.stream, GROUP)
  for (const key of [...Object.values(companions), `{${redis.stream}}:retention`])
    await redis.send('SET', key, 'text')
  expect((await lab.explain()).verdict).toBe('no-consumers')
})
