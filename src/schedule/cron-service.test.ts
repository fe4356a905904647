import { afterEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { useLog, useRedisServer } from '../../test/support/use-redis.ts'
import { useOnce } from '../../test/support/use.ts'
import { checkedEntry } from '../core/checked-entry.ts'
import { decodeEntry } from '../core/codec.ts'
import { MillraceError } from '../core/errors.ts'
import { FIRST_POSITION } from '../core/position.ts'
import type { TickMemory } from '../core/schedule.ts'
import type { Log } from '../core/service.ts'
import type { NewEvent } from '../core/event.ts'
import { RedisSchedule } from '../redis/schedule/schedule.ts'
import { CronService, type PublishTicks } from './cron-service.ts'
import { FakeClock } from './fake-clock.ts'
import { job, type JobDeclaration, type JobOptions } from './job.ts'
import type { Schedule } from './timetable.ts'

const START = '2026-01-28T10:00:00.100Z'

const server = useRedisServer()
const log = useLog(server)
const memory = useOnce(
  () => RedisSchedule.open({ url: server.url }),
  (schedule) => schedule.close(),
)
let services: CronService[] = []
let names = 0

afterEach(async () => {
  await Promise.all(services.map((service) => service.stop(1_000)))
  services = []
})

const publish: PublishTicks = async (stream, events) =>
  log.append(
    stream,
    events.map((event) => checkedEntry(event)),
  )

/** A job of a name of its own that publishes to a stream of that name. */
function declare(schedule: Schedule, options?: JobOptions): JobDeclaration {
  const name = `job-${names++}`
  return job(name, schedule, { stream: name, type: 'tick', data: {} }, options)
}

interface Parts {
  publish: PublishTicks
  memory: TickMemory
  skewMs: number
  log: Log
}

async function start(
  clock: FakeClock,
  jobs: JobDeclaration[],
  parts: Partial<Parts> = {},
): Promise<CronService> {
  const options = { clock: clock.view(parts.skewMs), ...(parts.log ? { log: parts.log } : {}) }
  const service = new CronService(jobs, parts.publish ?? publish, parts.memory ?? memory, options)
  services.push(service)
  await service.start()
  return service
}

/** The times of the ticks of a job that were published, in the order of the stream. */
async function published({ name }: JobDeclaration): Promise<number[]> {
  const entries = await log.read(name, FIRST_POSITION, 10_000).catch(() => [])
  return entries.map((entry) => Date.parse(decodeEntry(name, entry).time))
}

const iso = (times: readonly number[]) => times.map((time) => new Date(time).toISOString())
const told: unknown[] = []
const tellingLog: Log = {
  debug() {},
  info: (fields) => void told.push(['info', fields]),
  warn: (fields) => void told.push(['warn', fields]),
  error() {},
}

describe('on three instances', () => {
  test('whose clocks differ by seconds, each tick is published once', async () => {
    const clock = new FakeClock(START)
    const jobs = [declare({ everyMs: 250 }), declare('* * * * * *')]
    for (const skewMs of [0, 3_000, -4_000]) await start(clock, jobs, { skewMs })
    await clock.advance(20_000)
    const begin = Date.parse(START)
    for (const [index, period] of [250, 1_000].entries()) {
      const times = await published(jobs[index]!)
      expect(new Set(times).size).toBe(times.length)
      const sorted = [...times].sort((a, b) => a - b)
      expect(sorted.map((time) => time - sorted[0]!)).toEqual(sorted.map((_, number) => number * period))
      expect(sorted[0]).toBeLessThanOrEqual(begin)
      expect(sorted.at(-1)).toBeGreaterThan(begin + 22_000)
    }
  })

  test('of which all but the slowest end one by one, no tick is lost or doubled', async () => {
    const clock = new FakeClock(START)
    const ticking = declare({ everyMs: 500 })
    const three: CronService[] = []
    for (const skewMs of [5_000, 0, -5_000]) three.push(await start(clock, [ticking], { skewMs }))
    for (const service of three.slice(0, 2)) {
      await clock.advance(3_000)
      await service.stop(1_000)
    }
    await clock.advance(20_000)
    const times = (await published(ticking)).sort((a, b) => a - b)
    expect(times.map((time) => time - times[0]!)).toEqual(times.map((_, number) => number * 500))
    expect(times.at(-1)).toBeGreaterThan(Date.parse(START) + 20_000)
  })

  test('by the real clock, each tick is published once and on time', async () => {
    const ticking = declare({ everyMs: 100 })
    services = [1, 2, 3].map(() => new CronService([ticking], publish, memory))
    await Promise.all(services.map((service) => service.start()))
    await until('some ticks', async () => (await published(ticking)).length >= 15)
    const times = await published(ticking)
    expect(times.map((time) => time - times[0]!)).toEqual(times.map((_, number) => number * 100))
  })
})

describe('ticks that nobody was there for', () => {
  async function runUntil(clock: FakeClock, ticking: JobDeclaration, time: string): Promise<void> {
    const service = await start(clock, [ticking])
    await clock.advanceTo(time)
    await service.stop(1_000)
  }

  test('are published late after a restart that takes less than graceMs', async () => {
    const clock = new FakeClock(START)
    const ticking = declare('*/10 * * * * *')
    await runUntil(clock, ticking, '2026-01-28T10:00:25Z')
    clock.set('2026-01-28T10:01:05Z')
    await start(clock, [ticking])
    await clock.advanceTo('2026-01-28T10:01:25Z')
    expect(
      (await published(ticking)).map((time) => (time - Date.parse('2026-01-28T10:00:00Z')) / 1_000),
    ).toEqual([10, 20, 30, 40, 50, 60, 70, 80])
  })

  test('are skipped when they are older, and said so', async () => {
    const clock = new FakeClock(START)
    const ticking = declare('0 * * * *')
    await runUntil(clock, ticking, '2026-01-28T11:30:00Z')
    clock.set('2026-01-28T14:30:00Z')
    told.length = 0
    await start(clock, [ticking], { log: tellingLog })
    await clock.advanceTo('2026-01-28T15:00:01Z')
    expect(iso(await published(ticking))).toEqual(['2026-01-28T11:00:00.000Z', '2026-01-28T15:00:00.000Z'])
    const fields = { job: ticking.name, missed: '2026-01-28T12:00:00.000Z', catchUp: 'skip' }
    expect(told).toEqual([['info', fields]])
  })

  test('are made up for by the last of them, once on all instances, where the job wants it', async () => {
    const clock = new FakeClock(START)
    const ticking = declare('0 * * * *', { catchUp: 'last' })
    await runUntil(clock, ticking, '2026-01-28T11:30:00Z')
    clock.set('2026-01-28T14:30:00Z')
    await Promise.all([1, 2, 3].map(() => start(clock, [ticking])))
    await clock.advance(1_000)
    // An instance that starts when the idempotency key is forgotten knows it by the last tick.
    await log.append(ticking.name, [
      { fields: ['type', 'other', 'data', '1', 'time', '2000-01-01T00:00:00Z'] },
    ])
    await until(
      'the memory',
      async () => (await memory.recall([ticking.name]))[0] === Date.parse('2026-01-28T14:00:00Z'),
    )
    const once: NewEvent[] = []
    await start(clock, [ticking], { publish: async (_, events) => (once.push(...events), ['1-0']) })
    await clock.advance(1_000)
    expect(once).toEqual([])
    expect(iso(await published(ticking)).filter((time) => !time.startsWith('2000'))).toEqual([
      '2026-01-28T11:00:00.000Z',
      '2026-01-28T14:00:00.000Z',
    ])
  })

  test('are none for a job that is new, and some for one that only ever waited', async () => {
    const clock = new FakeClock('2026-01-28T10:30:00Z')
    const ticking = declare('0 * * * *', { catchUp: 'last' })
    await runUntil(clock, ticking, '2026-01-28T10:31:00Z')
    expect(await published(ticking)).toEqual([])
    clock.set('2026-01-28T12:30:00Z')
    await start(clock, [ticking])
    await clock.advance(1_000)
    expect(iso(await published(ticking))).toEqual(['2026-01-28T12:00:00.000Z'])
  })
})

describe('where clocks change, in Berlin', () => {
  const over = async (schedule: string, from: string, to: string) => {
    const clock = new FakeClock(from)
    const ticking = declare(schedule, { timezone: 'Europe/Berlin' })
    await Promise.all([0, 2_000].map((skewMs) => start(clock, [ticking], { skewMs })))
    await clock.advanceTo(to)
    return iso(await published(ticking)).map((time) => time.slice(11, 16))
  }

  test('in spring a daily job runs once, after the gap', async () => {
    expect(await over('30 2 * * *', '2026-03-28T23:30:00Z', '2026-03-29T04:00:00Z')).toEqual(['01:00'])
  })

  test('in autumn a daily job runs once, and one of every half hour every half hour', async () => {
    const night = ['2026-10-24T23:15:00Z', '2026-10-25T02:45:00Z'] as const
    expect(await over('30 2 * * *', ...night)).toEqual(['00:30'])
    expect(await over('*/30 * * * *', ...night)).toEqual([
      '23:30',
      '00:00',
      '00:30',
      '01:00',
      '01:30',
      '02:00',
      '02:30',
    ])
  })
})

describe('a clock that is set', () => {
  test('forward by less than graceMs loses no tick', async () => {
    const clock = new FakeClock(START)
    const ticking = declare('* * * * * *')
    await start(clock, [ticking])
    await clock.advance(2_000)
    clock.set('2026-01-28T10:00:12Z')
    await clock.advance(2_000)
    const times = await published(ticking)
    expect(times.map((time) => time - times[0]!)).toEqual(times.map((_, number) => number * 1_000))
    expect(times).toHaveLength(14)
  })

  test('back by some seconds doubles no tick, back by a day stops none', async () => {
    const clock = new FakeClock(START)
    const ticking = declare('*/10 * * * * *')
    await start(clock, [ticking])
    await clock.advance(30_000)
    clock.set('2026-01-28T10:00:15Z')
    await clock.advance(30_000)
    clock.set('2026-01-27T10:00:15Z')
    await clock.advance(20_000)
    expect(iso(await published(ticking)).map((time) => time.slice(8, 19))).toEqual([
      '28T10:00:10',
      '28T10:00:20',
      '28T10:00:30',
      '28T10:00:40',
      '27T10:00:20',
      '27T10:00:30',
    ])
  })
})

describe('faults', () => {
  test('of publishing delay ticks, and lose none that is not too late', async () => {
    const clock = new FakeClock(START)
    const ticking = declare({ everyMs: 1_000 })
    let down = false
    const unreliable: PublishTicks = async (stream, events) => {
      if (down && Math.random() < 0.5) throw new Error('no Redis')
      if (down) return events.map(() => new MillraceError('REDIS_UNAVAILABLE', 'no Redis'))
      return publish(stream, events)
    }
    await start(clock, [ticking], { publish: unreliable })
    await clock.advance(5_000)
    down = true
    await clock.advance(30_000)
    down = false
    await clock.advance(5_000)
    const times = await published(ticking)
    expect(times.map((time) => time - times[0]!)).toEqual(times.map((_, number) => number * 1_000))
    expect(times).toHaveLength(40)
  })

  test('of one job hold up no other', async () => {
    const clock = new FakeClock(START)
    const fine = declare({ everyMs: 1_000 })
    const broken = job('broken', { everyMs: 1_000 }, { stream: 'b', type: 't', data: () => raise() })
    const refused = job(
      'refused',
      { everyMs: 1_000 },
      { stream: 'a\nb'.replace('\n', ''), type: 't', data: 1n },
    )
    const service = await start(clock, [broken, fine, refused])
    await clock.advance(5_000)
    expect(await published(fine)).toHaveLength(5)
    expect(service.status.published).toBe(5)
  })

  test('of the memory delay nothing, and it is told later', async () => {
    const clock = new FakeClock(START)
    const ticking = declare({ everyMs: 1_000 })
    let down = false
    const forgetful: TickMemory = {
      recall: (jobs) => memory.recall(jobs),
      remember: (ticks) => (down ? Promise.reject(new Error('no Redis')) : memory.remember(ticks)),
    }
    await start(clock, [ticking], { memory: forgetful })
    down = true
    await clock.advance(5_000)
    expect(await published(ticking)).toHaveLength(5)
    down = false
    await clock.advance(2_000)
    expect((await memory.recall([ticking.name]))[0]).toBe((await published(ticking)).at(-1))
  })

  test('a tick that another version published with other data is published', async () => {
    const clock = new FakeClock(START)
    const name = `job-${names++}`
    const versions = [1, 2].map((data) => job(name, { everyMs: 1_000 }, { stream: name, type: 'tick', data }))
    for (const version of versions) await start(clock, [version])
    await clock.advance(5_000)
    expect(await published(versions[0]!)).toHaveLength(5)
  })

  test('a start that can not read the last ticks fails', async () => {
    const forgetful: TickMemory = {
      recall: () => Promise.reject(new Error('no Redis')),
      remember: async () => {},
    }
    const service = new CronService([declare('@daily')], publish, forgetful)
    expect((await failureOf(service.start())).message).toBe('no Redis')
    await service.stop(100)
  })

  test('two jobs of one name are refused', () => {
    const twice = declare('@daily')
    expect(() => new CronService([twice, twice], publish, memory)).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION_INVALID' }),
    )
  })
})

describe('stopping', () => {
  test('ends at once, twice too, and remembers the last tick', async () => {
    const clock = new FakeClock(START)
    const ticking = declare({ everyMs: 100 })
    const service = await start(clock, [ticking])
    await clock.advance(1_250)
    await Promise.all([service.stop(5_000), service.stop(5_000)])
    expect((await memory.recall([ticking.name]))[0]).toBe((await published(ticking)).at(-1))
  })

  test('does not wait beyond its deadline for what hangs', async () => {
    const ticking = declare({ everyMs: 50 })
    let hangs = false
    const hanging = () => {
      hangs = true
      return new Promise<never>(() => {})
    }
    const service = new CronService([ticking], hanging, memory)
    await service.start()
    await until('a tick', () => hangs)
    const before = performance.now()
    await service.stop(100)
    expect(performance.now() - before).toBeLessThan(5_000)
  })
})

function raise(): never {
  throw new TypeError('no data')
}

describe('plans', () => {
  test('switch a job off and on; ticks while it was off do not exist, after a restart neither', async () => {
    const clock = new FakeClock(START)
    const often = declare('* * * * * *', { catchUp: 'last' })
    const service = await start(clock, [often])
    await clock.advance(2_000)
    service.replan({ [often.name]: { enabled: false } })
    await clock.advance(5_000)
    const before = iso(await published(often))
    expect(before).toEqual(['2026-01-28T10:00:01.000Z', '2026-01-28T10:00:02.000Z'])
    service.replan({})
    await service.stop(1_000)
    const again = await start(clock, [often])
    await clock.advance(2_000)
    expect(iso(await published(often)).slice(2)).toEqual([
      '2026-01-28T10:00:08.000Z',
      '2026-01-28T10:00:09.000Z',
    ])
    expect(again.status.published).toBe(2)
  })

  test('give a job another schedule, in its time zone, and leave the others alone', async () => {
    const clock = new FakeClock(START)
    const [one, other] = [
      declare({ everyMs: 1_000 }, { timezone: 'Asia/Kolkata' }),
      declare({ everyMs: 4_000 }),
    ]
    const service = await start(clock, [one, other])
    await clock.advance(1_500)
    service.replan({ [one.name]: { cron: '5 30 15 * * *' } })
    await clock.advance(9_000)
    expect(iso(await published(one))).toEqual(['2026-01-28T10:00:01.000Z', '2026-01-28T10:00:05.000Z'])
    expect(iso(await published(other))).toEqual(['2026-01-28T10:00:04.000Z', '2026-01-28T10:00:08.000Z'])
  })

  test('that are there before the start count from the start', async () => {
    const clock = new FakeClock(START)
    const [off, bad] = [declare({ everyMs: 1_000 }), declare({ everyMs: 1_000 })]
    const service = new CronService([off, bad], publish, memory, { clock: clock.view() })
    services.push(service)
    service.replan({
      [off.name]: { enabled: false },
      [bad.name]: { cron: 'nonsense' },
      stranger: { enabled: false },
    })
    await service.start()
    await clock.advance(1_500)
    expect(await published(off)).toEqual([])
    expect(iso(await published(bad))).toEqual(['2026-01-28T10:00:01.000Z'])
  })
})
