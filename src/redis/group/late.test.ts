import { expect, test } from 'vitest'
import { redisLab } from '../../../test/support/redis-lab.ts'
import { failureOf, until } from '../../../test/support/until.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import { RedisStreamLog } from '../redis-log.ts'

/* What comes late: calls of which nobody knows whether they were executed, or that are executed after others. */

const lab = redisLab()
const proxy = useProxy(lab.server)
const retryOf = ({ position, attempt }: { position: string; attempt: number }) =>
  ({ kind: 'retry', position, attempts: attempt, delayMs: 0 }) as const

test('a start that was begun elsewhere since is not counted backwards by whoever got the entry back', async () => {
  const consumer = await lab.join()
  const [position] = await lab.append(1)
  const [first] = await lab.claimCount(consumer, 1)
  await consumer.settle([{ kind: 'retry', position: position!, attempts: first!.attempt, delayMs: 0 }])
  const [stale] = await lab.claimCount(consumer, 1)
  expect(stale!.attempt).toBe(2)
  const [[, owner]] = await lab.send<[[string, string]]>('XPENDING', lab.stream, 'group', '-', '+', '1')
  // As it stands when others took it over, began and failed attempts 2 and 3, and it was claimed here once more.
  await lab.send('XCLAIM', lab.stream, 'group', owner, '0', position!, 'RETRYCOUNT', '3', 'JUSTID')
  expect(await consumer.begin([stale!])).toEqual([position])
  await consumer.heartbeat()
  const [adopted] = await lab.claimCount(consumer, 1)
  expect(adopted).toMatchObject({ position, attempt: 4 })
  expect(await consumer.begin([adopted!])).toEqual([])
  // Its reply may get lost, and then it is sent again.
  expect(await consumer.begin([adopted!])).toEqual([])
})

test('a retry that is asked for once more does not park the next start, which was begun meanwhile', async () => {
  const consumer = await lab.join()
  await lab.append(1)
  const [first] = await lab.claimCount(consumer, 1)
  await consumer.settle([retryOf(first!)])
  const again = await lab.claimCount(consumer, 1)
  expect(again).toMatchObject([{ attempt: 2 }])
  await consumer.begin(again)
  expect(await consumer.settle([retryOf(first!)])).toEqual([first!.position])
  const [[, owner, , starts]] = await lab.send<[string[]]>('XPENDING', lab.stream, 'group', '-', '+', '1')
  expect([owner, starts]).not.toContain('~retry')
  expect(starts).toBe(2)
})

test('while it is not known whether retries were parked, none of them is claimed again', async () => {
  const log = await RedisStreamLog.open({ url: proxy.url('redis') })
  const consumer = await log.join({ stream: lab.stream, group: 'group', consumer: 'behind a proxy' })
  try {
    await lab.append(2)
    const [known, lost] = await lab.claimCount(consumer, 2)
    await consumer.settle([retryOf(known!)])
    const [second] = await lab.claimCount(consumer, 1)
    const dropped = proxy.dropNextReply((command) => command.includes(lost!.position))
    expect((await failureOf(consumer.settle([retryOf(lost!)]))).code).toBe('REDIS_UNCERTAIN')
    await dropped
    await until('the connection', () => log.ping())
    // The first look after retries is at what is new.
    for (let look = 0; look < 3; look++) expect(await lab.claim(consumer)).toEqual([])
    expect(await consumer.settle([retryOf(lost!)])).toEqual([lost!.position])
    expect(await lab.claimCount(consumer, 1)).toMatchObject([{ position: lost!.position, attempt: 2 }])
    expect(await consumer.settle([{ kind: 'acknowledge', position: second!.position }])).toEqual([])
  } finally {
    await consumer.leave()
    await log.close()
  }
})
