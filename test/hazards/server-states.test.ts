import { describe, expect, test } from 'vitest'
import type { Operations } from '../../src/core/operations.ts'
import { MultiStreamWorker } from '../../src/worker/multi-stream-worker.ts'
import { hazardLab, Tally } from '../support/hazard-lab.ts'
import { failureOf, until } from '../support/until.ts'
import { GROUP } from '../support/worker-lab.ts'

// Each key takes its time to be loaded, so that a restart with data can be seen to take some.
const hazard = hazardLab(['--key-load-delay', '1000', '--loading-process-events-interval-bytes', '1024'])
const { send, pending } = hazard
const allSettled = () => until('the settlement', async () => (await pending()) === 0)

describe('a group that goes away under load is made anew, and everything that is there then is run', () => {
  test.each<[string, (stream: string) => string[]]>([
    ['FLUSHALL', () => ['FLUSHALL']],
    ['RENAME', (stream) => ['RENAME', stream, `${stream}:old`]],
    ['DEL', (stream) => ['DEL', stream]],
  ])('%s', async (_, command) => {
    const tally = new Tally()
    const { lab } = hazard
    const worker = await lab.start(tally.count, { concurrency: 50 })
    await lab.publish(2_000)
    await until('some', () => worker.status.processed > 100)
    await send(...command(lab.stream))
    const positions = await lab.publish(1_000)
    await until('all', () => tally.has(positions))
    expect(await allSettled()).toBe(true)
  })

  test('deleted and written again in one step, so that positions come again', async () => {
    const seen: string[] = []
    const { lab } = hazard
    await lab.start(({ position, event }) => void seen.push(`${position} ${event.data as string}`))
    for (const n of [1, 2, 3]) await send('XADD', lab.stream, `5-${n}`, 'type', 't', 'data', '"old"')
    await until('the old ones', () => seen.length === 3)
    await allSettled()
    await until('a heartbeat', async () => (await low()) === '5-3')
    const script = `
      redis.call('DEL', KEYS[1])
      for n = 3, 4 do redis.call('XADD', KEYS[1], '5-' .. n, 'type', 't', 'data', '"new"') end`
    await send('EVAL', script, '1', lab.stream)
    await until('the new ones', () => seen.length >= 5)
    expect(seen.slice(3)).toEqual(['5-3 new', '5-4 new'])
  })

  const low = () => send<string>('HGET', `{${hazard.lab.stream}}:group:${GROUP}`, 'low')

  test('destroyed and made anew by hand: what failed before counts no attempts', async () => {
    const attempts: number[] = []
    const { lab } = hazard
    const worker = await lab.start(
      ({ attempt }) => {
        attempts.push(attempt)
        if (attempts.length <= 2) throw new Error('not yet')
      },
      { retry: { attempts: 2, delayMs: 200, jitter: 0 } },
    )
    await lab.publish(1)
    const waiting = () => send<number>('ZCARD', `{${lab.stream}}:group:${GROUP}:retry`)
    await until('the first failure', async () => (await waiting()) === 1)
    // In one step, or our own worker would heal it in between.
    const anew =
      "redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1]) redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0')"
    await send('EVAL', anew, '1', lab.stream, GROUP)
    await until('the end', () => worker.status.processed === 1)
    expect(attempts).toEqual([1, 1, 2])
    expect(await lab.letters()).toEqual([])
  })
})

describe('a consumer of many streams', () => {
  test('goes on with all others when one group is missing', async () => {
    const { lab } = hazard
    const worker = new MultiStreamWorker(lab.log)
    const names = ['a', 'b', 'c'].map((name) => `${lab.stream}:${name}`)
    const tally = new Tally()
    for (const stream of names) worker.add({ stream, group: GROUP, handler: tally.count })
    await worker.start()
    const publish = async () => {
      const fields = ['type', 't', 'data', '1']
      const results = names.map((stream) => lab.log.append(stream, [{ fields }, { fields }]))
      return (await Promise.all(results)).flat() as string[]
    }
    await until('all of them', async () => tally.has(await publish()))
    await send('XGROUP', 'DESTROY', names[1]!, GROUP)
    const positions = await publish()
    await until('what came then', () => tally.has(positions))
    expect(worker.status.map(({ error }) => error)).toEqual([undefined, undefined, undefined])
    await worker.stop(1_000)
  })
})

describe('names', () => {
  test.each(['a{b}c', '{x}', '}{', '{}', '__proto__', 'constructor', '../../etc/x'])(
    'a stream named %s, with a field of that name: published, run, failed, redriven',
    async (name) => {
      const lab = await hazard.open({}, name)
      const { operations } = lab.log as unknown as { operations: Operations }
      const seen: unknown[] = []
      let broken = true
      await lab.start(
        ({ event }) => {
          if (broken) throw new Error('broken')
          seen.push([event.type, event.data, Object.entries(event.headers)])
        },
        { retry: { attempts: 2, delayMs: 1 } },
      )
      const fields = ['type', '__proto__', 'data', '{"__proto__":1}', name, 'value']
      await lab.publish(2, () => fields)
      await until('the letters', async () => (await lab.letters()).length === 2)
      broken = false
      const result = await operations.deadLetters.redrive(name, { filter: {} }, { actor: 'test' })
      expect(result).toMatchObject({ done: 2, refused: 0 })
      await until('both', () => seen.length === 2)
      expect(seen[0]).toEqual(['__proto__', JSON.parse('{"__proto__":1}'), expect.anything()])
      expect(JSON.stringify(seen[0])).toContain(JSON.stringify([name, 'value']))
      expect(await lab.letters()).toEqual([])
    },
  )
})

describe('positions', () => {
  test('20 of one millisecond are acknowledged together', async () => {
    const { lab } = hazard
    let open = () => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    for (let n = 1; n <= 20; n++) await send('XADD', lab.stream, `7-${n}`, 'type', 't', 'data', String(n))
    const worker = await lab.start(() => gate, { concurrency: 20 })
    await until('all in hand', () => worker.status.held === 20)
    open() // so that they are acknowledged together
    await until('all', () => worker.status.processed === 20)
    expect(await allSettled()).toBe(true)
    expect(worker.status.lost).toBe(0)
  })

  test('are never given by a publisher; after the largest one publishing says why, and consuming goes on', async () => {
    const { lab } = hazard
    const largest = '18446744073709551615-18446744073709551615'
    const tally = new Tally()
    await lab.start(tally.count)
    const [position] = await lab.publish(1, () => ['type', 't', 'data', '1', 'id', largest])
    expect(position).not.toBe(largest)
    await send('XADD', lab.stream, largest, 'type', 't', 'data', '2')
    await until('both', () => tally.has([position!, largest]))
    expect(await allSettled()).toBe(true)
    expect((await failureOf(lab.publish(1))).message).toMatch(/largest|smaller|exhausted/)
  })
})

describe('scripts and data of the server', () => {
  test('scripts that are forgotten under load are sent again', async () => {
    const tally = new Tally()
    const { lab } = hazard
    await lab.start((delivery) => {
      tally.count(delivery)
      if (delivery.attempt === 1 && delivery.event.data === 7) throw new Error('once')
    })
    const positions: string[] = []
    for (let round = 0; round < 20; round++) {
      await send('SCRIPT', 'FLUSH')
      positions.push(...(await lab.publish(50)))
    }
    await until('all', () => tally.has(positions))
    expect(await allSettled()).toBe(true)
    expect(await send<string>('INFO', 'errorstats')).toContain('NOSCRIPT')
  })

  test('LOADING after a restart is waited out: nothing is lost, and no attempt spent', async () => {
    const tally = new Tally()
    const { lab, server } = hazard
    await lab.publish(50)
    await send('XGROUP', 'CREATE', lab.stream, GROUP, '0')
    const fill = "for n = 1, 1500 do redis.call('SET', 'filling:' .. n, n) end"
    await send('EVAL', fill, '0')
    await send('SAVE')
    const worker = await lab.start(tally.count)
    await until('all', () => worker.status.processed === 50)
    await server.kill('SIGKILL')
    const entries = Array.from({ length: 50 }, (_, number) => ({
      fields: ['type', 'number', 'data', String(number)],
      idempotencyKey: `after ${number}`,
    }))
    const published = lab.log.append(lab.stream, entries)
    await server.restart()
    const positions = (await published) as string[]
    expect(await send<string>('INFO', 'errorstats')).toContain('LOADING')
    // The snapshot holds the group as it was, so what was done since is done again: that is the price of no AOF.
    await until('all of them', () => tally.has(positions) && worker.status.processed >= 150)
    expect(new Set([...tally.attempts.values()].flat())).toEqual(new Set([1]))
  })
})
