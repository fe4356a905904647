import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Bus } from '../../src/bus/bus.ts'
import { stream } from '../../src/core/stream.ts'
import { groupKeys } from '../../src/redis/keys.ts'
import { hazardLab, Tally } from '../support/hazard-lab.ts'
import { until } from '../support/until.ts'
import { GROUP } from '../support/worker-lab.ts'

const hazard = hazardLab()
const { pending } = hazard

describe('a handler that blocks the event loop for longer than its process may be silent', () => {
  test('has its entries taken over, and its end changes nothing', async () => {
    const child = hazard.child({ mode: 'blocking' })
    await until('the child', () => child.lines.length > 0)
    const { lab } = hazard
    const { heartbeats } = groupKeys(lab.stream, GROUP)
    const [name] = await hazard.send<string[]>('ZRANGE', heartbeats, '0', '-1')
    const positions = await lab.publish(1, () => ['type', 't', 'data', '2500'])
    await until('its start', () => child.starts.length > 0)
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const tally = new Tally()
    const heir = await lab.start(
      async (delivery) => {
        tally.count(delivery)
        await gate
      },
      { consumer: 'heir' },
    )
    await until('the takeover', () => tally.has(positions))
    await until('its end', () => child.lines.some(({ end }) => end !== undefined))
    // The first heartbeat may go out before what it settles, the next but one does not.
    for (let beat = 1; beat <= 3; beat++) {
      const last = await hazard.send('ZSCORE', heartbeats, name!)
      await until('a heartbeat', async () => (await hazard.send('ZSCORE', heartbeats, name!)) !== last)
    }
    expect(await pending('heir')).toBe(1)
    release()
    await until('the settlement', async () => (await pending()) === 0)
    expect(heir.status).toMatchObject({ processed: 1, lost: 0 })
    expect([...tally.attempts.values()]).toEqual([[2]])
  })
})

describe('an entry that kills the process in a batch of 50', () => {
  test('goes to the dead letters, and its innocent neighbours are charged twice at most', async () => {
    const { lab } = hazard
    const positions = await lab.publish(50, (n) => ['type', 't', 'data', n === 25 ? '"poison"' : String(n)])
    const starts = new Map<string, number[]>()
    for (let done = false; !done;) {
      const child = hazard.child({ mode: 'poison', concurrency: 50, attempts: 3 })
      const finished = until(
        'the end',
        async () => (await lab.letters()).length > 0 && (await pending()) === 0,
        20_000,
      )
      done = await Promise.race([child.ended.then(() => false), finished.then(() => true)])
      finished.catch(() => {}) // the next child begins to wait anew
      for (const { start, attempt } of child.starts)
        starts.set(start!, [...(starts.get(start!) ?? []), attempt!])
    }
    const poison = positions[25]!
    expect(await lab.letters()).toMatchObject([
      {
        'deadletter-position': poison,
        'deadletter-error': 'HANDLER_DIED',
        'deadletter-reason': expect.stringContaining('3 starts'),
      },
    ])
    expect(starts.size).toBe(50)
    starts.delete(poison)
    // Charged twice: what runs then is the third start.
    expect(Math.max(...[...starts.values()].flat())).toBeLessThanOrEqual(3)
  })
})

describe('the reason in the dead letter can be read', () => {
  const broken = z.unknown().transform(() => {
    throw new Error('the schema has a bug')
  })

  const firstLetter = () => until('the letter', async () => (await hazard.lab.letters())[0])

  test.each<[string, () => unknown, string, string]>([
    ['a handler that throws undefined', () => Promise.reject(undefined), 'Error', 'thrown: undefined'],
    ['a handler that never returns', () => new Promise(() => {}), 'HANDLER_TIMEOUT', 'within 50 ms'],
  ])('%s', async (_, handler, error, reason) => {
    const { lab } = hazard
    await lab.start(() => handler() as Promise<void>, { retry: { attempts: 1 }, handlerTimeoutMs: 50 })
    await lab.publish(1)
    const letter = await firstLetter()
    expect(letter).toMatchObject({
      'deadletter-error': error,
      'deadletter-reason': expect.stringContaining(reason),
    })
  })

  test('a schema that throws', async () => {
    const { lab } = hazard
    const bus = new Bus(lab.log)
    await bus.consume(stream(lab.stream, { t: broken }), { group: 'group' }, { t: () => {} })
    await lab.publish(1, () => ['type', 't', 'data', '1'])
    const letter = await firstLetter()
    expect(letter).toMatchObject({
      'deadletter-error': 'EVENT_INVALID',
      'deadletter-reason': expect.stringContaining('the schema has a bug'),
    })
    await bus.close()
  })

  test('an entry that nobody can decode', async () => {
    const { lab } = hazard
    await lab.start(() => {})
    await lab.publish(1, () => ['type', 't', 'data', '{broken'])
    expect(await firstLetter()).toMatchObject({
      data: '{broken',
      'deadletter-error': 'EVENT_UNDECODABLE',
      'deadletter-reason': expect.stringContaining('not JSON'),
    })
  })
})
