import { describe, expect, test } from 'vitest'
import { until } from '../../test/support/until.ts'
import { openLab } from '../../test/support/use-lab.ts'
import { useProxy } from '../../test/support/use-proxy.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { useEach } from '../../test/support/use.ts'
import { GROUP } from '../../test/support/worker-lab.ts'
import type { Delivery } from '../core/delivery.ts'
import { openConnection } from '../redis/connections/servers.ts'
import { deadLetterKey } from '../redis/keys.ts'

const { server, admin } = useRedis()
const proxy = useProxy(server)
const lab = useEach(
  () => openLab({ url: proxy.url('redis'), commandTimeoutMs: 1_000, connectTimeoutMs: 500 }),
  (it) => it.close(),
)
/** Writes and looks without the proxy, whatever that does. */
const witness = useEach(
  () => openLab({ url: server.url }, lab.stream),
  (it) => it.close(),
)

const pending = async (): Promise<number> => (await admin.send<[number]>(['XPENDING', lab.stream, GROUP]))[0]

const allSettled = () => until('the settlement', async () => (await pending()) === 0)

/** Counts the deliveries of each position. */
class Tally {
  readonly attempts = new Map<string, number[]>()
  readonly handler = ({ position, attempt }: Delivery): void => {
    this.attempts.set(position, [...(this.attempts.get(position) ?? []), attempt])
  }

  has = (positions: readonly string[]): boolean => positions.every((position) => this.attempts.has(position))
}

describe('the network', () => {
  test('loses the reply of a read: its entries are run, and nothing is stranded', async () => {
    const tally = new Tally()
    await lab.start(tally.handler)
    const dropped = proxy.dropNextReply((command) => command.includes('XREADGROUP'))
    const positions = await witness.publish(10)
    await dropped
    await until('all', () => tally.has(positions))
    expect(await allSettled()).toBe(true)
  })

  test('loses the reply of an acknowledgement: it is settled once more, and run once', async () => {
    const tally = new Tally()
    await lab.start(tally.handler)
    const dropped = proxy.dropNextReply(
      (command) => command.includes('EVALSHA') && command.includes('-0\r\n'),
    )
    const positions = await witness.publish(1)
    await dropped
    await until('the run', () => tally.has(positions))
    expect(await allSettled()).toBe(true)
    expect([...tally.attempts.values()]).toEqual([[1]])
  })

  test('goes silent: reading goes on within the wait and a few seconds', async () => {
    const tally = new Tally()
    await lab.start(tally.handler)
    const before = await witness.publish(1)
    await until('the first', () => tally.has(before))
    proxy.swallow('both')
    const positions = await witness.publish(10)
    const start = performance.now()
    await until('the loss', async () => (await pending()) > 0 || performance.now() - start > 500)
    proxy.pass()
    await until('all', () => tally.has(positions))
    expect(await allSettled()).toBe(true)
  })

  test('breaks again and again under load: every event is run, and nothing stays pending', async () => {
    const tally = new Tally()
    const worker = await lab.start(tally.handler, { concurrency: 50 })
    const positions: string[] = []
    for (let round = 0; round < 5; round++) {
      positions.push(...(await witness.publish(400)))
      await until('some', () => worker.status.processed > round * 100)
      proxy.cut()
    }
    await until('all', () => tally.has(positions))
    expect(await allSettled()).toBe(true)
  })
})

describe('somebody', () => {
  test('destroys the group under load: it is healed, and every event is run', async () => {
    const tally = new Tally()
    const worker = await lab.start(tally.handler, { concurrency: 50 })
    const positions = await witness.publish(1_000)
    await until('some', () => worker.status.processed > 100)
    await admin.send(['XGROUP', 'DESTROY', lab.stream, GROUP])
    positions.push(...(await witness.publish(1_000)))
    await until('all', () => tally.has(positions))
    expect(await allSettled()).toBe(true)
  })

  test('deletes the stream under load: what is written to the new one is run', async () => {
    const tally = new Tally()
    const worker = await lab.start(tally.handler, { concurrency: 50 })
    await witness.publish(1_000)
    await until('some', () => worker.status.processed > 100)
    await admin.send(['DEL', lab.stream])
    const positions = await witness.publish(1_000)
    await until('all', () => tally.has(positions))
    expect(await allSettled()).toBe(true)
  })

  test('takes an entry over while it runs: its signal is aborted, and its end changes nothing', async () => {
    let delivery: Delivery | undefined
    const worker = await lab.start(
      (one) =>
        new Promise((resolve) => {
          delivery = one
          one.signal.addEventListener('abort', () => resolve())
        }),
    )
    const [position] = await witness.publish(1)
    await until('the start', () => delivery)
    await admin.send(['XCLAIM', lab.stream, GROUP, 'thief', '0', position!, 'JUSTID'])
    await until('the abort', () => delivery!.signal.aborted)
    await until('the end', () => worker.status.held === 0)
    expect(worker.status).toMatchObject({ lost: 1, processed: 0 })
    expect(await admin.send(['XPENDING', lab.stream, GROUP, '-', '+', '9', 'thief'])).toHaveLength(1)
  })

  test('puts something else where the dead letters go: the rest of the stream is consumed', async () => {
    await admin.send(['SET', deadLetterKey(lab.stream), 'text'])
    const tally = new Tally()
    const worker = await lab.start(
      (delivery) => {
        tally.handler(delivery)
        if (delivery.event.data === 0) throw new Error('never')
      },
      { retry: { attempts: 1 }, concurrency: 2, maxHeld: 4 },
    )
    const positions = [...(await witness.publish(500)), ...(await witness.publish(500))]
    await until('all', () => tally.has(positions))
    await until('the rest', () => worker.status.held === 2)
    await admin.send(['DEL', deadLetterKey(lab.stream)])
    await until('the letters', async () => (await witness.letters()).length === 2)
    expect(await allSettled()).toBe(true)
  })
})

describe('Redis can not for a while', () => {
  test.each([
    [
      'NOPERM',
      ['ACL', 'SETUSER', 'default', '-xreadgroup', '-evalsha', '-eval'],
      ['ACL', 'SETUSER', 'default', '+@all'],
    ],
    [
      'NOREPLICAS',
      ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
      ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
    ],
    ['READONLY', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
    ['OOM', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
  ])('%s: it is waited out, and costs no attempt', async (code, begin, end) => {
    const tally = new Tally()
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    await lab.start(async (delivery) => {
      await gate
      tally.handler(delivery)
    })
    const positions = await witness.publish(50)
    await until('some in hand', async () => (await pending()) > 0)
    await admin.send(['CONFIG', 'RESETSTAT'])
    await admin.send(begin)
    try {
      release() // to be settled while that is not possible
      const refusals = async () => admin.send<string>(['INFO', 'errorstats'])
      if (code !== 'OOM')
        await until('refusals', async () => (await refusals()).includes(`errorstat_${code}:`))
      else await until('all', () => tally.has(positions)) // consuming needs no memory
    } finally {
      await admin.send(end)
    }
    positions.push(...(await witness.publish(50)))
    await until('all', () => tally.has(positions))
    expect(await allSettled()).toBe(true)
    expect([...tally.attempts.values()].flat()).toEqual(positions.map(() => 1))
  })

  test('BUSY with a script of somebody else: it is waited out, and costs no attempt', async () => {
    const tally = new Tally()
    await admin.send(['CONFIG', 'SET', 'busy-reply-threshold', '20'])
    await lab.start(tally.handler)
    const busy = await openConnection({ url: server.url }, 'test-busy')
    const running = busy.send(['EVAL', 'while true do end', '0'], 20_000).catch(() => {})
    const isBusy = () =>
      admin.send(['PING']).then(
        () => false,
        (error: Error) => error.message.includes('BUSY'),
      )
    await until('the script', isBusy)
    const published = witness.publish(20)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await admin.send(['SCRIPT', 'KILL'])
    await running
    await busy.close()
    const positions = await published
    await until('all', () => tally.has(positions))
    expect([...tally.attempts.values()]).toEqual(positions.map(() => [1]))
  })

  test('answer at all: a stop still ends in time, and leaves nothing running', async () => {
    let [started, aborted] = [0, 0]
    const worker = await lab.start(
      ({ signal }) => {
        started++
        return new Promise(() => signal.addEventListener('abort', () => aborted++))
      },
      { concurrency: 3 },
    )
    const positions = await witness.publish(10)
    await until('some that run', () => started === 3)
    proxy.swallow('both')
    proxy.cut()
    const start = performance.now()
    await worker.stop(200)
    expect(performance.now() - start).toBeLessThan(15_000)
    expect(aborted).toBe(3)
    const tally = new Tally()
    await witness.start(tally.handler)
    await until('the heir', () => tally.has(positions))
  })
})
