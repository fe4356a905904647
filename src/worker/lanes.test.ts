import { expect, test } from 'vitest'
import { array, assert, integer, property, record } from 'fast-check'
import type { Claim } from '../core/stream-log.ts'
import { Job } from './job.ts'
import { Lanes } from './lanes.ts'

const job = (position: string, key?: string, origin: Claim['origin'] = 'new'): Job => {
  const claim = { position, fields: [], attempt: 1, origin }
  const event = { id: position, type: 't', time: '', data: null, key, headers: {} }
  return new Job({ stream: 's', group: 'g', consumer: { checkProduced() {} } }, claim, event)
}

/** Lanes with what they asked for. */
class Lab {
  readonly parked: string[] = []
  readonly recalled: string[] = []
  readonly lanes: Lanes

  constructor(maxBehindParked = 1_000) {
    this.lanes = new Lanes({
      maxBehindParked,
      isSuspect: ({ entry }) => entry.origin === 'abandoned',
      park: (jobs) => this.parked.push(...jobs.map(({ position }) => position)),
      recall: (positions) => this.recalled.push(...positions),
    })
  }

  add(...jobs: Job[]): void {
    for (const one of jobs) this.lanes.add(one)
  }

  /** Everything that may start now. */
  take(): Job[] {
    const taken: Job[] = []
    for (let next = this.lanes.take(); next; next = this.lanes.take()) taken.push(next)
    return taken
  }
}

const positions = (jobs: readonly Job[]) => jobs.map(({ position }) => position)

test('what has no key starts at once, of a key the first alone', () => {
  const lab = new Lab()
  lab.add(job('1-0'), job('2-0', 'a'), job('3-0', 'a'), job('4-0', 'b'))
  const taken = lab.take()
  expect(positions(taken)).toEqual(['1-0', '2-0', '4-0'])
  lab.lanes.finished(taken[1]!)
  expect(positions(lab.take())).toEqual(['3-0'])
})

test('an older entry of a key goes before the younger ones that wait', () => {
  const lab = new Lab()
  lab.add(job('5-0', 'a'), job('7-0', 'a'), job('6-10', 'a'), job('6-9', 'a'))
  const started: string[] = []
  for (let [next] = lab.take(); next; [next] = lab.take()) {
    started.push(next.position)
    lab.lanes.finished(next)
  }
  expect(started).toEqual(['5-0', '6-9', '6-10', '7-0'])
})

test('behind one that waits for its retry nothing of its key starts, and it waits in the log', () => {
  const lab = new Lab()
  const first = job('1-0', 'a')
  lab.add(first, job('2-0', 'a'), job('3-0', 'b'))
  lab.take()
  lab.lanes.waits(first, 60_000)
  lab.add(job('4-0', 'a'))
  expect(lab.parked).toEqual(['2-0', '4-0'])
  expect(lab.take()).toEqual([])
  expect(lab.lanes.blockedKeys).toBe(1)
})

test('behind a short wait what follows waits here, and runs when the first one is back and has ended', () => {
  const lab = new Lab()
  const first = job('1-0', 'a')
  lab.add(first, job('2-0', 'a'))
  lab.take()
  lab.lanes.waits(first, 1_000)
  lab.add(job('3-0', 'a'))
  expect(lab.take()).toEqual([])
  const again = job('1-0', 'a', 'retry')
  lab.add(again)
  const started: string[] = []
  for (let [next] = lab.take(); next; [next] = lab.take()) {
    started.push(next.position)
    lab.lanes.finished(next)
  }
  expect(started).toEqual(['1-0', '2-0', '3-0'])
  expect([lab.parked, lab.recalled, lab.lanes.behind]).toEqual([[], [], 0])
})

test('what waits here has a bound over all keys', () => {
  const lab = new Lab(4)
  for (const key of ['a', 'b', 'c']) {
    const first = job('1-0', key)
    lab.add(first, job('2-0', key), job('3-0', key))
    lab.take()
    lab.lanes.waits(first, 1_000)
  }
  expect(lab.lanes.behind).toBe(4)
  expect(lab.parked).toEqual(['2-0', '3-0'])
})

test('when it has ended after a long wait, those behind it are recalled and run in order, however they come', () => {
  const lab = new Lab()
  const first = job('1-0', 'a')
  lab.add(first, job('2-0', 'a'), job('3-0', 'a'))
  lab.take()
  lab.lanes.waits(first, 60_000)
  expect(lab.parked).toEqual(['2-0', '3-0'])
  const again = job('1-0', 'a', 'retry')
  lab.add(again)
  expect(positions(lab.take())).toEqual(['1-0'])
  lab.lanes.finished(again)
  expect(lab.recalled).toEqual(['2-0', '3-0'])
  lab.add(job('3-0', 'a', 'retry'))
  expect(lab.take()).toEqual([])
  const second = job('2-0', 'a', 'retry')
  lab.add(second)
  expect(positions(lab.take())).toEqual(['2-0'])
  lab.lanes.finished(second)
  expect(positions(lab.take())).toEqual(['3-0'])
})

test('of a long queue most waits in the log, so that one key can not fill us up', () => {
  const lab = new Lab()
  const jobs = Array.from({ length: 1_000 }, (_, index) => job(`${index + 1}-0`, 'hot'))
  lab.add(...jobs)
  expect(lab.parked).toHaveLength(799)
  expect(lab.parked[0]).toBe('202-0')
})

test('what went elsewhere is waited for no longer, once it was missing twice', () => {
  const lab = new Lab()
  const first = job('1-0', 'a')
  lab.add(first, job('2-0', 'a'))
  lab.take()
  lab.lanes.waits(first, -2_000)
  expect(lab.lanes.overdue()).toEqual(['1-0'])
  lab.lanes.checked(['1-0'], new Set(['1-0']))
  lab.lanes.checked(['1-0'], new Set())
  expect(lab.take()).toEqual([])
  lab.lanes.checked(['1-0'], new Set())
  expect(positions(lab.take())).toEqual(['2-0'])
})

test('what was missing twice, and came in between, is waited for', () => {
  const lab = new Lab()
  const first = job('1-0', 'a')
  lab.add(first, job('2-0', 'a'))
  lab.take()
  lab.lanes.waits(first, 0)
  lab.lanes.checked(['1-0'], new Set())
  const again = job('1-0', 'a', 'retry')
  lab.add(again)
  lab.take()
  lab.lanes.waits(again, 0)
  lab.lanes.checked(['1-0'], new Set())
  expect(lab.take()).toEqual([])
  expect(lab.lanes.blockedKeys).toBe(1)
})

test('several that went elsewhere are forgotten together', () => {
  const lab = new Lab()
  for (const position of ['1-0', '2-0', '3-0']) lab.lanes.addParked('a', position)
  lab.add(job('4-0', 'a'))
  expect(lab.lanes.overdue()).toEqual(['1-0', '2-0', '3-0'])
  for (let look = 1; look <= 2; look++) lab.lanes.checked(['1-0', '2-0', '3-0'], new Set())
  expect(positions(lab.take())).toEqual(['4-0'])
})

test('a key waits for an entry that is known to wait in the log', () => {
  const lab = new Lab()
  lab.lanes.addParked('a', '1-0')
  lab.add(job('2-0', 'a'), job('3-0', 'b'))
  expect(positions(lab.take())).toEqual(['3-0'])
  const first = job('1-0', 'a', 'retry')
  lab.add(first)
  expect(positions(lab.take())).toEqual(['1-0'])
  lab.lanes.finished(first)
  expect(positions(lab.take())).toEqual(['2-0'])
})

test('an entry that was lost while it runs, and is back, runs after its first run has ended', () => {
  const lab = new Lab()
  const first = job('1-0', 'a')
  lab.add(first)
  lab.take()
  const again = job('1-0', 'a', 'retry')
  lab.add(again)
  expect(lab.take()).toEqual([])
  lab.lanes.finished(first)
  expect(lab.take()).toEqual([again])
})

test('what was lost here and is parked now is waited for all the same', () => {
  const lab = new Lab()
  const [first, second] = [job('1-0', 'a'), job('2-0', 'a')]
  lab.add(first, second)
  lab.take()
  first.lost = true
  second.lost = true
  lab.lanes.addParked('a', '1-0')
  lab.lanes.addParked('a', '2-0')
  lab.add(job('3-0', 'a'))
  lab.lanes.finished(first)
  // What was lost is started, and ends at once.
  for (let [next] = lab.take(); next?.lost; [next] = lab.take()) lab.lanes.finished(next)
  const started: string[] = []
  lab.add(job('2-0', 'a', 'retry'), job('1-0', 'a', 'retry'))
  for (let [next] = lab.take(); next; [next] = lab.take()) {
    if (!next.lost) started.push(next.position)
    lab.lanes.finished(next)
  }
  expect(started).toEqual(['1-0', '2-0', '3-0'])
})

test('a suspect waits for its turn in its key as well', () => {
  const lab = new Lab()
  const first = job('1-0', 'a')
  lab.add(first, job('2-0', 'a', 'abandoned'))
  lab.take()
  expect(lab.lanes.suspects).toBe(0)
  lab.lanes.finished(first)
  expect(lab.lanes.takeSuspect()?.position).toBe('2-0')
})

test('copies of older entries run in the order in which they come', () => {
  const lab = new Lab()
  const first = job('5-0', 'a')
  lab.add(first, job('inlet/9-0', 'a'), job('6-0', 'a'), job('inlet/8-0', 'a'))
  const started: string[] = []
  for (let [next] = lab.take(); next; [next] = lab.take()) {
    started.push(next.position)
    lab.lanes.finished(next)
  }
  expect(started).toEqual(['5-0', 'inlet/9-0', '6-0', 'inlet/8-0'])
})

test('whatever fails and comes back whenever: of each key each one ends once, in order', () => {
  const steps = array(record({ pick: integer({ min: 0, max: 9 }), fails: integer({ min: 0, max: 3 }) }), {
    minLength: 200,
    maxLength: 400,
  })
  assert(
    property(steps, (script) => {
      const ended = runAll(script)
      for (const key of ['a', 'b', 'c']) {
        const ofKey = ended.filter((one) => one.key === key).map(({ position }) => position)
        expect(ofKey).toEqual(Array.from({ length: 10 }, (_, index) => `${index + 1}-0`))
      }
    }),
    { numRuns: 100 },
  )
})

/** Ten entries of three keys each; chance says which of those in the log comes next, and whether a start fails. */
function runAll(script: { pick: number; fails: number }[]): { key: string; position: string }[] {
  const inLog: { key: string; position: string }[] = []
  const ended: { key: string; position: string }[] = []
  const keys = ['a', 'b', 'c']
  const lanes = new Lanes({
    maxBehindParked: 5,
    isSuspect: () => false,
    park: (jobs) => inLog.push(...jobs.map(({ event, position }) => ({ key: event.key!, position }))),
    recall: () => {},
  })
  for (let number = 1; number <= 10; number++) for (const key of keys) lanes.add(job(`${number}-0`, key))
  const step = ({ pick, fails }: { pick: number; fails: number }) => {
    const next = lanes.take()
    if (next && fails === 0) {
      lanes.waits(next, 0)
      inLog.push({ key: next.event.key!, position: next.position })
    } else if (next) {
      lanes.finished(next)
      ended.push({ key: next.event.key!, position: next.position })
    }
    const [back] = inLog.splice(pick % (inLog.length || 1), 1)
    if (back) lanes.add(job(back.position, back.key, 'retry'))
  }
  script.forEach(step)
  for (let count = 0; count < 10_000 && ended.length < 30; count++) step({ pick: count * 7, fails: 1 })
  return ended
}
