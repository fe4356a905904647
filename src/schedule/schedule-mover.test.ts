import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { useProxy } from '../../test/support/use-proxy.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { useEach } from '../../test/support/use.ts'
import { MillraceError } from '../core/errors.ts'
import { positionTime } from '../core/position.ts'
import type { DueEntries, NewScheduledEntry } from '../core/schedule.ts'
import type { Log } from '../core/service.ts'
import { startTestRedis } from '../engines/test-servers.ts'
import { openConnection } from '../redis/connections/servers.ts'
import { scheduleKeys } from '../redis/schedule/schedule-keys.ts'
import { RedisSchedule } from '../redis/schedule/schedule.ts'
import { ScheduleMover } from './schedule-mover.ts'

const HOUR_MS = 3_600_000

const { server, admin } = useRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
const proxy = useProxy(server)
const schedule = useEach(
  () => RedisSchedule.open({ url: proxy.url('redis'), commandTimeoutMs: 500 }),
  (it) => it.close(),
)
let movers: ScheduleMover[]
let children: ChildProcess[]
let stream: string
let streams = 0

beforeEach(() => {
  movers = []
  children = []
  stream = `mover:${streams++}`
})
afterEach(async () => {
  await Promise.all(movers.map((mover) => mover.stop(1_000)))
  await Promise.all(children.map(end))
})

async function startMover(entries: DueEntries = schedule, log?: Log): Promise<ScheduleMover> {
  const mover = new ScheduleMover(entries, log)
  movers.push(mover)
  await mover.start()
  return mover
}

const MODULES = JSON.stringify({
  schedule: new URL('../redis/schedule/schedule.ts', import.meta.url).href,
  mover: new URL('schedule-mover.ts', import.meta.url).href,
})

/** A mover in a process of its own, to be killed. */
async function startChild(): Promise<ChildProcess> {
  const code = `
    const modules = ${MODULES}
    const { RedisSchedule } = await import(modules.schedule)
    const { ScheduleMover } = await import(modules.mover)
    await new ScheduleMover(await RedisSchedule.open({ url: '${server.url}' })).start()
    console.log('ready')`
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  await once(child.stdout!, 'data')
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

const entry = (value: number | string, delayMs: number): NewScheduledEntry => ({
  fields: ['value', String(value)],
  delayMs,
})

/** Schedules entries in no order over a time, and answers when each is due. */
async function scheduleOver(count: number, overMs: number, name = ''): Promise<Map<string, number>> {
  const [seconds] = await admin.send<[string]>(['TIME'])
  const start = Number(seconds) * 1_000 + 1_500
  const due = new Map<string, number>()
  for (let number = 0; number < count; number++)
    due.set(`${name}${number}`, start + Math.floor((((number * 7_919) % count) * overMs) / count))
  await schedule.schedule(
    stream,
    [...due].map(([value, dueAt]) => ({ fields: ['value', value], dueAt })),
  )
  return due
}

const length = (name = stream) => admin.send<number>(['XLEN', name])
async function entered(): Promise<{ position: string; value: string }[]> {
  const rows = await admin.send<[string, string[]][]>(['XRANGE', stream, '-', '+'])
  return rows.map(([position, fields]) => ({ position, value: fields[1]! }))
}

/** Each once, none before its time, all by due time. */
async function expectAll(due: ReadonlyMap<string, number>): Promise<void> {
  const all = await entered()
  expect(new Set(all.map(({ value }) => value))).toEqual(new Set(due.keys()))
  expect(all).toHaveLength(due.size)
  for (const { position, value } of all)
    expect(positionTime(position)).toBeGreaterThanOrEqual(due.get(value)!)
  const times = all.map(({ value }) => due.get(value)!)
  expect(times).toEqual([...times].sort((a, b) => a - b))
  const { due: waiting, entries } = scheduleKeys(stream)
  expect(await admin.send(['EXISTS', waiting, entries])).toBe(0)
}

describe('due entries', () => {
  test('enter once each, by due time and never early, whoever of two moves them', async () => {
    const due = await scheduleOver(1_000, 2_000)
    const pair = [await startMover(), await startMover()]
    await until('all', async () => (await length()) >= 1_000)
    await expectAll(due)
    const moved = () => pair.reduce((sum, { status }) => sum + status.moved, 0)
    expect(await until('the last reply', () => moved() >= 1_000 && moved())).toBe(1_000)
  })

  test('of many streams enter each its own', async () => {
    const names = Array.from({ length: 100 }, (_, number) => `${stream}:${number}`)
    await startMover()
    await Promise.all(names.map((name) => schedule.schedule(name, [entry('a', 100), entry('b', 50)])))
    await until('all', async () => {
      const lengths = await Promise.all(names.map(length))
      return lengths.every((count) => count >= 2)
    })
    expect(await length(names[99])).toBe(2)
  })

  test('more than a step takes are moved at once', async () => {
    await schedule.schedule(
      stream,
      Array.from({ length: 2_600 }, (_, number) => entry(number, 0)),
    )
    await startMover()
    await until('all', async () => (await length()) === 2_600)
    expect((await entered()).map(({ value }) => Number(value))).toEqual(
      Array.from({ length: 2_600 }, (_, n) => n),
    )
  })
})

describe('a mover that sleeps', () => {
  test('is woken by what is due before all that it knows', async () => {
    await schedule.schedule(stream, [entry('late', HOUR_MS)])
    const mover = await startMover()
    await until('its sleep', () => mover.status.streams > 0)
    const start = performance.now()
    // Without being woken it would look again a second after each, so ten times as late.
    for (let number = 0; number < 10; number++) {
      await schedule.schedule(stream, [entry(number, 20)])
      await until('the entry', async () => (await length()) === number + 1)
    }
    expect(performance.now() - start).toBeLessThan(5_000)
  })

  test('looks once more where it was woken during a look', async () => {
    let wake: (streams: string[]) => void = () => {}
    let looks = 0
    const entries: DueEntries = {
      streams: async () => ['s'],
      async move() {
        if (++looks % 2 === 1) wake(['s'])
        await sleep(1)
        return { moved: 0, untilNextMs: HOUR_MS }
      },
      watch: async () => ({
        next: () => new Promise((resolve) => (wake = resolve)),
        close: async () => wake([]),
      }),
    }
    const start = performance.now()
    await startMover(entries)
    // Every other look follows at once, so ten of them take as many seconds as five.
    await until('ten looks', () => looks >= 10)
    expect(performance.now() - start).toBeLessThan(7_000)
  })

  test('finds by itself what it was not woken for, also on a new stream', async () => {
    await startMover()
    const { due, entries } = scheduleKeys(stream)
    await schedule.schedule(stream, [entry('late', HOUR_MS)])
    const [id] = await admin.send<string[]>(['ZRANGE', due, '0', '0'])
    await admin.send(['ZADD', due, '1', id!])
    await until('the entry', async () => (await length()) === 1)
    expect(await admin.send(['EXISTS', entries])).toBe(0)
  })

  test('looks at a stream once a second, however many entries wait for long', async () => {
    await schedule.schedule(
      stream,
      Array.from({ length: 5_000 }, (_, number) => entry(number, HOUR_MS)),
    )
    let looks = 0
    const counted: DueEntries = {
      streams: async () => [stream],
      move(name) {
        looks++
        return schedule.move(name)
      },
      watch: () => schedule.watch(),
    }
    const mover = await startMover(counted)
    const start = await until('its first loop', () => mover.status.lastLoopAt)
    await until('three seconds of it', () => mover.status.lastLoopAt > start + 3_000)
    expect(looks).toBeGreaterThan(1)
    expect(looks).toBeLessThan(6)
  })
})

describe('cancelling', () => {
  test('in the very moment of the move either keeps the entry out or says that it was too late', async () => {
    await startMover()
    const count = 300
    const ids = (await schedule.schedule(
      stream,
      Array.from({ length: count }, (_, number) => entry(number, 20 + number)),
    )) as string[]
    const cancelled = new Set<string>()
    await Promise.all(
      ids.map(async (id, number) => {
        await sleep(20 + number)
        if (await schedule.cancel(stream, id)) cancelled.add(String(number))
      }),
    )
    await until('all the others', async () => (await length()) === count - cancelled.size)
    const values = (await entered()).map(({ value }) => value)
    expect(new Set([...values, ...cancelled]).size).toBe(count)
    expect(values.filter((value) => cancelled.has(value))).toEqual([])
  })
})

describe('whatever ends', () => {
  test('movers that are killed lose and double nothing', async () => {
    const due = new Map<string, number>()
    for (const round of ['a', 'b', 'c']) {
      const child = await startChild()
      const before = await length()
      for (const [value, dueAt] of await scheduleOver(600, 600, round)) due.set(value, dueAt)
      await until('some of its work', async () => (await length()) > before + 20)
      await end(child)
    }
    await startMover()
    expect(await until('all', async () => (await length()) >= due.size)).toBe(true)
    await expectAll(due)
  })

  test('a Redis that is killed and comes back has what waited, and is moved from', async () => {
    const mortal = await startTestRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    const own = await RedisSchedule.open({ url: mortal.url, commandTimeoutMs: 500 })
    const mover = new ScheduleMover(own)
    const client = await openConnection({ url: mortal.url }, 'test-admin')
    const count = () => client.send<number>(['XLEN', stream])
    try {
      await mover.start()
      const entries = Array.from({ length: 1_000 }, (_, number) => entry(number, 300 + number * 2))
      await own.schedule(stream, entries)
      await until('some', async () => (await count()) > 100)
      await mortal.kill('SIGKILL')
      await mortal.restart()
      await until('all', async () => (await count()) >= 1_000)
      const rows = await client.send<[string, string[]][]>(['XRANGE', stream, '-', '+'])
      expect(rows.map(([, fields]) => Number(fields[1]))).toEqual(entries.map((_, number) => number))
      expect((await own.list(stream)).entries).toEqual([])
    } finally {
      await mover.stop(1_000)
      await own.close()
      await client.close()
      await mortal.stop()
    }
  })

  test('connections that are reset, or fall silent, are replaced', async () => {
    await startMover()
    for (const [number, fault] of [() => proxy.cut(), () => proxy.swallow('both')].entries()) {
      await until('its work', async () => {
        const [result] = await schedule.schedule(stream, [entry(number, 0)])
        return typeof result === 'string'
      })
      await until('the entry', async () => (await length()) > number)
      fault()
    }
    proxy.pass()
    const [id] = await schedule.schedule(stream, [{ ...entry('end', 0), idempotencyKey: 'end' }])
    expect(id).toEqual(expect.any(String))
    await until('the last one', async () => (await entered()).at(-1)?.value === 'end')
  })

  test('a connection that is gone is one line in the log, however many streams wait', async () => {
    const lines: string[] = []
    const say = (level: string) => () => void lines.push(level)
    const log: Log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
    const names = Array.from({ length: 10 }, (_, number) => `${stream}:${number}`)
    const cut: DueEntries = {
      streams: () => (down ? refuse() : Promise.resolve(names)),
      move: (name) => (down ? refuse() : schedule.move(name)),
      watch: () => schedule.watch(),
    }
    const refuse = () => {
      refused++
      return Promise.reject(new MillraceError('REDIS_UNAVAILABLE', 'no Redis'))
    }
    let down = false
    let refused = 0
    const mover = await startMover(cut, log)
    await until('its streams', () => mover.status.streams === 10)
    down = true
    await until('several tries', () => refused > 5)
    expect(lines).toEqual(['warn'])
    down = false
    await until('the end of it', () => lines.length > 1)
    expect(lines).toEqual(['warn', 'info'])
  })

  test('a stream that is none holds up no other, and goes on when it is one', async () => {
    await schedule.schedule(stream, [entry('a', 0)])
    await admin.send(['SET', stream, 'text'])
    await startMover()
    for (let number = 0; number < 3; number++) {
      await schedule.schedule(`${stream}:other`, [entry(number, 0)])
      await until('the other', async () => (await length(`${stream}:other`)) === number + 1)
    }
    await admin.send(['DEL', stream])
    expect(await until('the first', length)).toBe(1)
  })

  test('a memory that is full lets entries wait, and they enter when there is room', async () => {
    await schedule.schedule(stream, [entry('a', 0), entry('b', 0)])
    await admin.send(['CONFIG', 'SET', 'maxmemory', '1mb'])
    await startMover()
    await until('a refused move', async () => {
      const info = await admin.send<string>(['INFO', 'errorstats'])
      return info.includes('errorstat_OOM')
    })
    await admin.send(['CONFIG', 'SET', 'maxmemory', '0'])
    expect(await until('both', length)).toBe(2)
  })
})

describe('starting and stopping', () => {
  test('without a Redis it does not start, and leaves nothing', async () => {
    await proxy.stop()
    const mover = new ScheduleMover(schedule)
    expect(await failureOf(mover.start())).toMatchObject({ code: 'REDIS_UNAVAILABLE' })
    await mover.stop(1_000)
  })

  test('stops at once, twice too, and leaves no timer', async () => {
    await schedule.schedule(stream, [entry('late', HOUR_MS)])
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const mover = await startMover()
    await until('its sleep', () => mover.status.streams > 0)
    const start = performance.now()
    await Promise.all([mover.stop(5_000), mover.stop(5_000)])
    expect(performance.now() - start).toBeLessThan(1_000)
    expect(timers()).toBeLessThanOrEqual(before)
  })

  test('stops by its deadline when Redis does not answer', async () => {
    const mover = await startMover()
    proxy.swallow('both')
    const start = performance.now()
    await mover.stop(200)
    expect(performance.now() - start).toBeLessThan(3_000)
  })

  test('stopped before it was started it never starts', async () => {
    const mover = new ScheduleMover(schedule)
    await mover.stop(100)
    expect(await failureOf(mover.start())).toMatchObject({ code: 'CLOSED' })
  })
})
