import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../test/support/until.ts'
import { checkedEntry } from '../core/checked-entry.ts'
import type { Delivery, Handler } from '../core/delivery.ts'
import { RetryLater } from '../core/delivery.ts'
import { FIRST_POSITION } from '../core/position.ts'
import { validate } from '../core/schema.ts'
import { schemaOf } from '../core/stream.ts'
import type { TickMemory } from '../core/schedule.ts'
import { MemoryStreamLog } from '../testing/memory-log.ts'
import { Worker } from '../worker/worker.ts'
import { CronService, type PublishTicks } from './cron-service.ts'
import { jobGroup } from './job-group.ts'
import { job, type JobDeclaration, type Tick } from './job.ts'
import { skipOverlap } from './overlap.ts'

const noMemory: TickMemory = { recall: async (jobs) => jobs.map(() => undefined), remember: async () => {} }

const publish: PublishTicks = async (stream, events) =>
  log.append(
    stream,
    events.map((event) => checkedEntry(event)),
  )

let log: MemoryStreamLog
let running: { stop(deadlineMs: number): Promise<void> }[]

beforeEach(() => {
  log = new MemoryStreamLog()
  running = []
})
afterEach(async () => {
  for (const service of running) await service.stop(1_000)
})

async function run(jobs: JobDeclaration[]): Promise<CronService> {
  const { stream, group, handler } = jobGroup(jobs)!
  const worker = new Worker(log, { stream: stream.name, group, handler, retry: { delayMs: 10, jitter: 0 } })
  const cron = new CronService(jobs, publish, noMemory)
  running.push(cron, worker)
  await worker.start()
  await cron.start()
  return cron
}

describe('the group of jobs', () => {
  test('runs each tick of each job, one after the other, retries included', async () => {
    const runs: Record<string, string[]> = { fine: [], shaky: [] }
    let failures = 0
    const jobs = [
      job('fine', { everyMs: 50 }, ({ event }) => void runs['fine']!.push(event.data.tick)),
      job('shaky', { everyMs: 50 }, ({ event, attempt }) => {
        if (attempt === 1 && failures++ < 3) throw new Error('not yet')
        runs['shaky']!.push(event.data.tick)
      }),
    ]
    const cron = await run(jobs)
    await until('some runs', () => runs['fine']!.length >= 8 && runs['shaky']!.length >= 8)
    await cron.stop(1_000)
    for (const ticks of Object.values(runs)) {
      const times = ticks.map(Date.parse)
      expect(times.map((time) => time - times[0]!)).toEqual(times.map((_, number) => number * 50))
    }
    expect(failures).toBeGreaterThanOrEqual(3)
  })

  test('has the jobs with a handler alone, and is none without', () => {
    const pulse = job('pulse', '@daily', { stream: 's', type: 't', data: 1 })
    expect(jobGroup([pulse])).toBeUndefined()
    expect(jobGroup([])).toBeUndefined()
    const both = jobGroup([pulse, job('report', '@daily', () => {})])!
    expect([both.stream.name, both.group, Object.keys(both.stream.schemas)]).toEqual([
      'millrace:jobs',
      'millrace-jobs',
      ['report'],
    ])
    const twice = job('report', '@daily', () => {})
    expect(() => jobGroup([twice, twice])).toThrow(expect.objectContaining({ code: 'CONFIGURATION_INVALID' }))
  })

  test('leaves the tick of a job that it does not know for an instance that does', () => {
    const { handler } = jobGroup([job('report', '@daily', () => {})])!
    const unknown = { event: { type: 'newer' } } as Delivery
    expect(() => handler(unknown)).toThrow(RetryLater)
    expect(() => handler(unknown)).toThrow('this instance declares no job "newer"')
  })

  test('takes no event that is no tick', () => {
    const { stream } = jobGroup([job('report', '@daily', () => {})])!
    const schema = schemaOf(stream, 'report')!
    expect(validate(schema, { tick: 'x' }, 'it')).toEqual({ tick: 'x' })
    for (const data of [null, {}, { tick: 5 }, 'x'])
      expect(() => validate(schema, data, 'it')).toThrow(expect.objectContaining({ code: 'EVENT_INVALID' }))
  })
})

describe('overlap: skip', () => {
  const tickAt = (publishedAt: number, attempt = 1) =>
    ({ position: `${publishedAt}-0`, attempt }) as Delivery<Tick>

  /** A run that lasts until the clock has moved on by so many ms. */
  function lasting(): { runs: string[]; handler: Handler<Tick>; ms: number } {
    const state = {
      runs: [] as string[],
      ms: 30,
      handler: async ({ position }: Delivery<Tick>) => {
        state.runs.push(position)
        const end = Date.now() + state.ms
        await until('the end of the run', () => Date.now() >= end)
      },
    }
    return state
  }

  test.each([0, 3_600_000, -3_600_000])(
    'leaves out what was published during a run, by a server whose clock is %i ms ahead',
    async (skewMs) => {
      const job = lasting()
      const handler = skipOverlap(job.handler)
      const start = Date.now() + skewMs
      await handler(tickAt(start))
      await handler(tickAt(start + 10)) // during the run
      await handler(tickAt(start + 20, 2)) // had begun before
      await handler(tickAt(Date.now() + skewMs + 1))
      expect(job.runs).toHaveLength(3)
      expect(job.runs).not.toContain(`${start + 10}-0`)
    },
  )

  test('counts a run that failed', async () => {
    const runs: string[] = []
    const handler = skipOverlap(async ({ position }) => {
      runs.push(position)
      const end = Date.now() + 20
      await until('the end of the run', () => Date.now() >= end)
      if (runs.length === 1) throw new Error('failed')
    })
    const start = Date.now()
    await expect(handler(tickAt(start))).rejects.toThrow('failed')
    await handler(tickAt(start + 5))
    expect(runs).toHaveLength(1)
  })

  test('a job that takes longer than its period does not fall behind', async () => {
    let runs = 0
    const slow = async () => {
      runs++
      const end = Date.now() + 220
      await until('the end of the run', () => Date.now() >= end)
    }
    const cron = await run([job('slow', { everyMs: 50 }, slow, { overlap: 'skip' })])
    await until('three runs', () => runs === 3)
    await cron.stop(1_000)
    const ticks = (await log.read('millrace:jobs', FIRST_POSITION, 1_000)).length
    expect(ticks).toBeGreaterThan(6)
    const before = runs
    const worker = running[1] as Worker
    await until('the last tick', () => worker.status.processed === ticks)
    expect(runs - before).toBeLessThanOrEqual(1)
  })
})
