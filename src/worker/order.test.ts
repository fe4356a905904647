import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WorkerChild } from '../../test/support/child-process.ts'
import { until } from '../../test/support/until.ts'
import { useLab } from '../../test/support/use-lab.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { DEAD_AFTER_MS, effectsOf, toObject } from '../../test/support/worker-lab.ts'
import type { Handler } from '../core/delivery.ts'

const { server, admin } = useRedis()
const lab = useLab(server)

const KEYS = 20

/** Events of 20 keys in turn; the data says which one of its key it is. */
const keyed = (number: number): string[] => {
  const key = `key ${number % KEYS}`
  return ['type', 'number', 'data', String(Math.floor(number / KEYS)), 'partitionkey', key]
}

/** Fails about every fifth start, so that several of a key wait at any time. */
function unreliable(): {
  handler: Handler
  ended: Map<string, number[]>
  isRunning: Set<string>
  overlaps: string[]
} {
  const ended = new Map<string, number[]>()
  const isRunning = new Set<string>()
  const overlaps: string[] = []
  const handler: Handler = async ({ event }) => {
    const key = event.key!
    if (isRunning.has(key)) overlaps.push(key)
    isRunning.add(key)
    await new Promise((resolve) => setImmediate(resolve))
    isRunning.delete(key)
    if (Math.random() < 0.2) throw new Error('by chance')
    ended.set(key, [...(ended.get(key) ?? []), event.data as number])
  }
  return { handler, ended, isRunning, overlaps }
}

const total = (ended: Map<string, number[]>) =>
  [...ended.values()].reduce((sum, list) => sum + list.length, 0)

describe('within a process', () => {
  test('events of one key end in order, retries included, and none beside another', async () => {
    const { handler, ended, overlaps } = unreliable()
    await lab.start(handler, { concurrency: 30, retry: { attempts: 100, delayMs: 30, factor: 1 } })
    await lab.publish(2_000, keyed)
    await until('all', () => total(ended) === 2_000, 60_000)
    const inOrder = Array.from({ length: 100 }, (_, index) => index)
    for (const [key, list] of ended) expect([key, list]).toEqual([key, inOrder])
    expect(overlaps).toEqual([])
  })

  test('other keys go on while one waits', async () => {
    const ended: string[] = []
    await lab.start(
      ({ event }) => {
        if (event.key === 'key 3') throw new Error('always')
        ended.push(event.key!)
      },
      { retry: { attempts: 3, delayMs: 60_000 } },
    )
    await lab.publish(200, keyed)
    await until('the others', () => ended.length === 190)
    expect(await lab.letters()).toEqual([])
  })

  test('a key goes on behind one that is dead-lettered', async () => {
    const ended: number[] = []
    const worker = await lab.start(
      ({ event }) => {
        if (event.data === 3) throw new Error('always')
        ended.push(event.data as number)
      },
      { retry: { attempts: 3, delayMs: 1 } },
    )
    await lab.publish(10, (number) => ['type', 'number', 'data', String(number), 'partitionkey', 'one'])
    await until('the end', () => worker.status.processed === 9)
    expect(ended).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9])
  })

  test('a hot key fills nothing up: thousands wait in the log, and come in order', async () => {
    const ended: number[] = []
    let open = () => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    const others: number[] = []
    const worker = await lab.start(async ({ event }) => {
      if (event.key === 'other') return void others.push(event.data as number)
      if (event.data === 0) await gate
      ended.push(event.data as number)
    })
    await lab.publish(5_000, (number) => ['type', 'number', 'data', String(number), 'partitionkey', 'hot'])
    await lab.publish(10, (number) => ['type', 'number', 'data', String(number), 'partitionkey', 'other'])
    await until('the others', () => others.length === 10)
    expect(worker.status.held).toBeLessThan(2_000)
    open()
    await until('the hot ones', () => ended.length === 5_000, 60_000)
    expect(ended).toEqual(Array.from({ length: 5_000 }, (_, number) => number))
  })
})

describe('across processes, by one active member', () => {
  let children: WorkerChild[]
  beforeEach(() => void (children = []))
  afterEach(async () => void (await Promise.all(children.map((child) => child.end()))))

  const startChild = (): WorkerChild => {
    const options = { url: server.url, stream: lab.stream, attempts: 1_000, concurrency: 10 }
    const child = new WorkerChild({ ...options, mode: 'ordered' })
    children.push(child)
    return child
  }

  test('order holds over failures, kills and halts, and each effect is there once', async () => {
    children.push(...[1, 2, 3].map(startChild))
    await until('the children', () => children.every((child) => child.lines.length > 0))
    await lab.publish(1_500, keyed)
    const effects = async () => {
      const rows = await admin.send<[string, string[]][]>(['XRANGE', effectsOf(lab.stream), '-', '+'])
      return rows.map(([, fields]) => JSON.parse(toObject(fields)['data']!) as string)
    }
    for (let round = 1; round <= 6; round++) {
      await until(`round ${round}`, async () => (await effects()).length >= round * 180, 60_000)
      const active = children.reduce((a, b) => (a.starts.length > b.starts.length ? a : b))
      if (round % 2 === 0) {
        // It is woken when another one is active, and believes that it still is.
        active.kill('SIGSTOP')
        const before = (await effects()).length
        await until('a successor', async () => (await effects()).length > before, 60_000)
        active.kill('SIGCONT')
      } else {
        active.kill('SIGKILL')
        await active.ended
        children.splice(children.indexOf(active), 1, startChild())
      }
    }
    await until('all', async () => (await effects()).length === 1_500, 60_000)
    const inOrder = Array.from({ length: 75 }, (_, index) => index)
    const byKey = groupByKey(await effects())
    for (const [key, list] of byKey)
      expect([key, list.map((effect) => Number(effect.slice(key.length)))]).toEqual([key, inOrder])
  }, 180_000)

  test('one alone gets entries, and when it stops another goes on at once', async () => {
    const starts: [string, string][] = []
    const start = (name: string) =>
      lab.start(({ position }) => void starts.push([name, position]), { order: 'key', consumer: name })
    const first = await start('first')
    const second = await start('second')
    await lab.publish(100, keyed)
    await until('all', () => starts.length === 100)
    expect(new Set(starts.map(([name]) => name))).toEqual(new Set(['first']))
    await first.stop(1_000)
    const stopped = performance.now()
    await lab.publish(100, keyed)
    await until('the second', () => second.status.processed === 100)
    expect(performance.now() - stopped).toBeLessThan(DEAD_AFTER_MS + 5_000)
  })

  test('a successor lets a key wait for the retry that its predecessor left behind', async () => {
    const first = await lab.start(
      () => {
        throw new Error('always')
      },
      { order: 'key', retry: { attempts: 9, delayMs: 1_500, factor: 1, jitter: 0 } },
    )
    const [failing] = await lab.publish(1, () => ['type', 't', 'data', '1', 'partitionkey', 'one'])
    await until('the failure', () => first.status.failed === 1)
    await first.stop(1_000)
    const ended: string[] = []
    await lab.publish(1, () => ['type', 't', 'data', '2', 'partitionkey', 'one'])
    await lab.publish(1, () => ['type', 't', 'data', '3', 'partitionkey', 'two'])
    await lab.start(({ position, event }) => void ended.push(`${position} ${event.data}`), { order: 'key' })
    await until('all', () => ended.length === 3)
    expect(ended.map((one) => one.split(' ')[1])).toEqual(['3', '1', '2'])
    expect(ended[1]).toContain(failing!)
  })
})

/** Effects are `key number`. */
function groupByKey(effects: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const effect of effects) {
    const key = effect.replace(/ \d+$/, '')
    groups.set(key, [...(groups.get(key) ?? []), effect])
  }
  return groups
}
