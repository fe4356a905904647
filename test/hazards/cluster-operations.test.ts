import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Bus } from '../../src/bus/bus.ts'
import { connect } from '../../src/bus/connect.ts'
import { resolveRetention } from '../../src/core/retention-policy.ts'
import { stream } from '../../src/core/stream.ts'
import { job } from '../../src/schedule/job.ts'
import { slotOf } from '../../src/redis/slots.ts'
import { useCluster } from '../support/use-cluster.ts'

const servers = useCluster()
const GROUP = 'work'
const ADA = { actor: 'ada', reason: 'a drill' }
const POLL = { timeout: 10_000 }
const open: Bus[] = []
let number = 0

async function openBus(): Promise<Bus> {
  const bus = await connect({ cluster: { nodes: servers.nodes } })
  open.push(bus)
  return bus
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((bus) => bus.close()))
})

/** One for each master, so that no command gets by with always going to the same server. */
async function streams() {
  const bySlot = new Map<number, string>()
  while (bySlot.size < 3) {
    const name = `operations:${++number}`
    bySlot.set((await servers.masterOf(slotOf(name))).port, name)
  }
  return [...bySlot.values()].map((name) => stream(name, { number: z.number() }))
}

type Numbers = Awaited<ReturnType<typeof streams>>[number]

/** Consumes a stream; `bad` fails where it says so. */
async function consume(bus: Bus, target: Numbers, bad: (n: number) => boolean = () => false) {
  const seen: number[] = []
  const worker = await bus.consume(
    target,
    { group: GROUP, retry: { attempts: 1 } },
    {
      number: ({ event: { data } }) => {
        if (bad(data)) throw new Error(`${data} is bad`)
        seen.push(data)
      },
    },
  )
  return { seen, stop: () => worker.stop(5_000) }
}

const publish = (bus: Bus, target: Numbers, numbers: readonly number[]) =>
  bus.publishMany(
    target,
    numbers.map((data) => ({ type: 'number', data })),
  )

describe('on the streams of every master', () => {
  test('dead letters are listed, redriven and recorded', async () => {
    const bus = await openBus()
    for (const target of await streams()) {
      let mended = false
      const { seen } = await consume(bus, target, (n) => n === 2 && !mended)
      await publish(bus, target, [1, 2, 3])
      const { deadLetters, actions } = bus.operations
      await expect.poll(async () => (await deadLetters.list(target.name)).letters.length, POLL).toBe(1)
      mended = true
      const letters = (await deadLetters.list(target.name)).letters
      await deadLetters.redrive(target.name, { ids: letters.map(({ id }) => id) }, ADA)
      await expect.poll(() => seen.toSorted(), POLL).toEqual([1, 2, 3])
      const { records } = await actions.actions(target.name)
      expect(records).toMatchObject([{ action: 'redrive', actor: 'ada', count: 1 }])
    }
  })

  test('groups are paused, reset, replayed to, and say how far they are', async () => {
    const bus = await openBus()
    for (const target of await streams()) {
      const first = await consume(bus, target)
      await publish(bus, target, [1, 2, 3])
      await expect.poll(() => first.seen.length, POLL).toBe(3)

      await bus.operations.control.pause(target.name, GROUP)
      expect(await bus.operations.control.pausedSince(target.name, GROUP)).toBeGreaterThan(0)
      await bus.operations.replays.replay({
        ...ADA,
        stream: target.name,
        name: 'again',
        target: { group: GROUP },
      })
      expect(await bus.operations.replays.progress(target.name, 'again')).toMatchObject({
        copied: 3,
        state: 'done',
      })
      await bus.operations.control.resume(target.name, GROUP)
      await expect.poll(() => first.seen.length, POLL).toBe(6)

      await first.stop()
      await bus.operations.resets.reset(
        { stream: target.name, group: GROUP, to: 'start' },
        { ...ADA, force: true },
      )
      const [lag] = await bus.operations.stats.lag(target.name)
      expect(lag).toMatchObject({ group: GROUP, behind: 3, pending: 0 })
      const second = await consume(bus, target)
      await expect.poll(() => second.seen, POLL).toEqual([1, 2, 3])
    }
  })

  test('retention drops what was processed, and nothing that is held', async () => {
    const bus = await openBus()
    for (const target of await streams()) {
      const { seen } = await consume(bus, target)
      const positions = await publish(bus, target, [1, 2, 3, 4])
      await expect.poll(() => seen.length, POLL).toBe(4)
      await bus.operations.holds.set(target.name, 'backup', positions[2]!)
      const policy = resolveRetention({ stream: target.name, policy: { processed: true } })
      const left = async () => {
        await bus.operations.retention.trim(policy)
        return (await bus.log.read(target.name, '0-0', 10)).map(({ position }) => position)
      }
      await expect.poll(left, POLL).toEqual(positions.slice(2))
      await bus.operations.holds.release(target.name, 'backup')
      await expect.poll(left, POLL).toEqual([])
    }
  })

  test('events enter when they are due, unless they were cancelled', async () => {
    const bus = await openBus()
    for (const target of await streams()) {
      const { seen } = await consume(bus, target)
      await bus.schedule(target, 'number', 1, { delayMs: 50 })
      const cancelled = await bus.schedule(target, 'number', 2, { delayMs: 60_000 })
      expect((await bus.operations.schedule.list(target.name)).entries.map(({ id }) => id)).toContain(
        cancelled,
      )
      expect(await bus.operations.schedule.cancel(target.name, cancelled)).toBe(true)
      await bus.schedule(target, 'number', 3, { delayMs: 100 })
      await expect.poll(() => seen, POLL).toEqual([1, 3])
    }
  })
})

test('jobs run once for each tick, whichever instance runs them', async () => {
  const ticks: string[] = []
  const pulse = job('pulse', { everyMs: 200 }, ({ event }) => void ticks.push(event.data.tick))
  const buses = [await openBus(), await openBus()]
  await Promise.all(buses.map((bus) => bus.runJobs([pulse])))
  await expect.poll(() => ticks.length, POLL).toBeGreaterThan(4)
  expect(new Set(ticks).size).toBe(ticks.length)
})
