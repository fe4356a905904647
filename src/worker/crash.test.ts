import { describe, expect, test } from 'vitest'
import type { WorkerChild, ChildOptions } from '../../test/support/child-process.ts'
import { until } from '../../test/support/until.ts'
import { useChildren, useLab } from '../../test/support/use-lab.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { DEAD_AFTER_MS, GROUP } from '../../test/support/worker-lab.ts'
import type { BatchHandler, Delivery } from '../core/delivery.ts'
import { comparePositions } from '../core/position.ts'
import { startTestRedis } from '../engines/test-servers.ts'
import { RedisStreamLog } from '../redis/redis-log.ts'

const { server, admin } = useRedis()
const lab = useLab(server)
const startChild = useChildren(server, lab)

const pendingTo = async (consumer?: string): Promise<number> => {
  const range = ['XPENDING', lab.stream, GROUP, '-', '+', '1000']
  return (await admin.send<unknown[]>(consumer ? [...range, consumer] : range)).length
}

describe('a worker that is killed', () => {
  test('loses what it held to another, soon, with its starts counted', async () => {
    const child = startChild({ mode: 'slow' })
    const taken: Delivery[] = []
    await until('the child', () => child.lines.length > 0)
    const positions = await lab.publish(8)
    await until('what it holds', async () => child.starts.length === 5 && (await pendingTo()) === 8)
    await lab.start((delivery) => void taken.push(delivery))
    child.kill('SIGKILL')
    await child.ended
    const start = performance.now()
    await until('the takeover', () => taken.length === 8)
    expect(performance.now() - start).toBeLessThan(DEAD_AFTER_MS + 5_000)
    expect(taken.map(({ position }) => position).sort()).toEqual(positions)
    // Which of those that were handed out had started can't be known, so all of them count as started once.
    expect(taken.map(({ attempt }) => attempt)).toEqual(positions.map(() => 2))
    expect(await until('the settlement', async () => (await pendingTo()) === 0)).toBe(true)
  })
})

describe('what a dead consumer held, for a handler that takes batches', () => {
  /** Publishes so many events, all of which are with a consumer that says no more. */
  async function leaveBehind(count: number): Promise<string[]> {
    const positions = await lab.publish(count)
    const who = { stream: lab.stream, group: GROUP, consumer: 'dead', deadAfterMs: DEAD_AFTER_MS }
    const dead = await lab.log.join(who)
    expect(await dead.claim(count, 0, new AbortController().signal)).toHaveLength(count)
    return positions
  }

  test('comes in few batches, each start of which is written down before', async () => {
    const positions = await leaveBehind(300)
    const seen: string[] = []
    const attempts = new Set<number>()
    const starts = new Set<number>()
    let batches = 0
    const batchHandler: BatchHandler = async (deliveries) => {
      batches++
      for (const { position, attempt } of deliveries) {
        attempts.add(attempt)
        const row = ['XPENDING', lab.stream, GROUP, position, position, '1']
        starts.add((await admin.send<[unknown, unknown, unknown, number][]>(row))[0]![3])
        seen.push(position)
      }
    }
    const worker = await lab.startWith({ batchHandler, batch: { size: 100, waitMs: 1_000 }, concurrency: 1 })
    await until('all', () => worker.status.processed === 300)
    expect(seen.toSorted(comparePositions)).toEqual(positions)
    expect(batches).toBeLessThan(12)
    expect([[...attempts], [...starts]]).toEqual([[2], [2]])
  })

  test('is not run where it went to somebody else before its batch began', async () => {
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const calls: string[][] = []
    const batchHandler: BatchHandler = async (deliveries) => {
      calls.push(deliveries.map(({ position }) => position))
      if (calls.length === 1) await gate
    }
    const positions = await leaveBehind(7)
    const worker = await lab.startWith({ batchHandler, batch: { size: 4 }, concurrency: 1 })
    await until(
      'the first batch, and what waits behind it',
      () => calls.length === 1 && worker.status.held === 7,
    )
    const stolen = positions.filter((position) => !calls[0]!.includes(position)).slice(0, 2)
    await admin.send(['XCLAIM', lab.stream, GROUP, 'thief', '0', ...stolen, 'JUSTID'])
    release()
    await until('the rest', () => worker.status.processed === 5)
    expect(calls.flat().toSorted(comparePositions)).toEqual(positions.filter((one) => !stolen.includes(one)))
    await until('what was lost', () => worker.status.lost === 2)
  })
})

describe('a worker that is suspended', () => {
  test('for longer than it may be silent finds its entries gone, and its end changes nothing', async () => {
    const child = startChild({ mode: 'slow' })
    await until('the child', () => child.lines.length > 0)
    const positions = await lab.publish(2)
    await until('what it holds', () => child.starts.length === 2)
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const heir = await lab.start(() => gate, { consumer: 'heir' })
    child.kill('SIGSTOP')
    await until('the takeover', () => heir.status.held === 2)
    child.kill('SIGCONT')
    const aborted = () => child.lines.flatMap((line) => line.aborted ?? [])
    await until('the aborts', () => aborted().length === 2)
    expect(aborted().sort()).toEqual(positions)
    // Its handlers have ended now, and would be acknowledged; it goes on as a living member of the group.
    const [position] = await lab.publish(1)
    await until(
      'its next entry',
      () => child.starts.some(({ start }) => start === position) || heir.status.held === 3,
    )
    expect(await pendingTo('heir')).toBe(heir.status.held)
    release()
    await until('the end', () => heir.status.processed >= 2)
    expect(heir.status.lost).toBe(0)
  })
})

describe('an event that kills its process', () => {
  /** Starts a worker again and again, as whatever watches over it does, until nothing is left to do. */
  async function keepRunning(options: Omit<ChildOptions, 'url' | 'stream' | 'mode'>): Promise<WorkerChild[]> {
    const all: WorkerChild[] = []
    for (;;) {
      const child = startChild({ mode: 'poison', ...options })
      all.push(child)
      const done = until(
        'the end',
        async () => (await lab.letters()).length > 0 && (await pendingTo()) === 0,
        10_000,
      )
      const died = await Promise.race([child.ended, done.then(() => undefined)])
      done.catch(() => {}) // the next child begins to wait anew
      if (died === undefined) return all
      expect([died, child.output]).toEqual(['SIGKILL', ''])
    }
  }

  test.each([1, 3])(
    'goes to the dead letters after its attempts, and its neighbours do not: %i attempts',
    async (attempts) => {
      const positions = await lab.publish(30, (n) => [
        'type',
        'number',
        'data',
        n === 12 ? '"poison"' : String(n),
      ])
      const all = await keepRunning({ attempts, concurrency: 10 })
      expect(await lab.letters()).toMatchObject([
        { 'deadletter-position': positions[12], 'deadletter-error': 'HANDLER_DIED', data: '"poison"' },
      ])
      const starts = all.flatMap((child) => child.starts)
      const startsOf = (position: string) => starts.filter(({ start }) => start === position)
      // A start in a policy of one attempt is certain only when it was written down.
      expect(startsOf(positions[12]!)).toHaveLength(Math.max(attempts, 2))
      expect(new Set(starts.map(({ start }) => start))).toEqual(new Set(positions))
      const neighbours = starts.filter(({ start }) => start !== positions[12])
      expect(Math.max(...neighbours.map(({ attempt }) => attempt!))).toBeLessThanOrEqual(3)
    },
  )

  test('in batches is alone from its third start, and each of its neighbours is handled', async () => {
    const positions = await lab.publish(30, (n) => [
      'type',
      'number',
      'data',
      n === 12 ? '"poison"' : String(n),
    ])
    const poison = positions[12]!
    const all = await keepRunning({ attempts: 4, concurrency: 1, batch: 20 })
    const starts = all.flatMap((child) => child.starts)
    const ofPoison = starts.filter(({ start }) => start === poison)
    expect(ofPoison.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
    expect(ofPoison.map(({ batch }) => batch! > 1)).toEqual([true, true, false, false])
    expect(all).toHaveLength(5)
    const neighbours = starts.filter(({ start }) => start !== poison)
    expect(Math.max(...neighbours.map(({ attempt }) => attempt!))).toBeLessThanOrEqual(3)
    const ends = all.flatMap(({ lines }) => lines).flatMap(({ end }) => end ?? [])
    expect(new Set(ends)).toEqual(new Set(positions.filter((position) => position !== poison)))
    expect(await lab.letters()).toMatchObject([
      { 'deadletter-position': poison, 'deadletter-error': 'HANDLER_DIED', 'deadletter-attempts': '4' },
    ])
  })
})

describe('a process whose worker was stopped', () => {
  test('ends by itself, with its group left and everything handed back', async () => {
    const child = startChild({ mode: 'slow' })
    await until('the child', () => child.lines.length > 0)
    await lab.publish(8)
    await until('what it holds', () => child.starts.length === 5)
    child.kill('SIGTERM')
    expect([await child.ended, child.output]).toEqual([0, ''])
    const consumers = await admin.send<string[][]>(['XINFO', 'CONSUMERS', lab.stream, GROUP])
    expect(consumers.map((row) => row[1])).toEqual(['~retry'])
    expect(await pendingTo('~retry')).toBe(8)
  })

  test('ends by itself also when Redis is gone', async () => {
    const mortal = await startTestRedis()
    const child = startChild({ mode: 'slow', url: mortal.url })
    await until('the child', () => child.lines.length > 0)
    const log = await RedisStreamLog.open({ url: mortal.url })
    await log.append(
      lab.stream,
      Array.from({ length: 8 }, () => ({ fields: ['type', 't', 'data', '1'] })),
    )
    await log.close()
    await until('what it holds', () => child.starts.length === 5)
    await mortal.kill('SIGKILL')
    const start = performance.now()
    child.kill('SIGTERM')
    expect([await child.ended, child.output]).toEqual([0, ''])
    expect(performance.now() - start).toBeLessThan(20_000)
    await mortal.stop()
  })
})
