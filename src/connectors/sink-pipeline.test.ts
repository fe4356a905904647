import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Lab } from '../../test/support/worker-lab.ts'
import { until } from '../../test/support/until.ts'
import { ConfigurationError, MessageProcessingError, SinkError } from '../core/connector-errors.ts'
import type { BatchFaults } from '../core/delivery.ts'
import { noLog } from '../core/service.ts'
import type { Sink, SinkEvent } from '../core/sink.ts'
import { filter } from '../middleware/filter.ts'
import { split } from '../middleware/split.ts'
import { MemoryStreamLog } from '../testing/memory-log.ts'
import { pipeline, type SinkPipelineDeclaration, type SinkPipelineOptions } from './pipeline.ts'
import { SinkPipeline } from './sink-pipeline.ts'

let lab: Lab
let runs: SinkPipeline[]
beforeEach(() => {
  lab = new Lab(new MemoryStreamLog())
  runs = []
})
afterEach(async () => {
  for (const run of runs) await run.stop(1_000)
  await lab.close()
})

/** A sink that does what a test says about each batch, and keeps what was written. */
class ScriptedSink implements Sink {
  readonly writes: unknown[][] = []
  readonly written: unknown[] = []
  connects = 0
  closed = 0
  onConnect = async (): Promise<void> => {}
  onWrite = async (_data: readonly unknown[], _signal: AbortSignal): Promise<BatchFaults | void> => {}

  async connect(): Promise<void> {
    this.connects++
    await this.onConnect()
  }

  async write(events: readonly SinkEvent[], signal: AbortSignal): Promise<BatchFaults | void> {
    const data = events.map(({ event }) => event.data)
    this.writes.push(data)
    const faults = await this.onWrite(data, signal)
    this.written.push(...data.filter((_, index) => !faults?.[index]))
    return faults
  }

  async close(): Promise<void> {
    this.closed++
  }
}

function run(to: Sink, options: Partial<SinkPipelineOptions> = {}, log = noLog): SinkPipeline {
  const declared = pipeline('test', { from: lab.stream, to, retryDelayMs: 10, deadAfterMs: 600, ...options })
  const one = new SinkPipeline(declared as SinkPipelineDeclaration, { streams: lab.log, log })
  runs.push(one)
  return one
}

const numbers = (count: number) => Array.from({ length: count }, (_, number) => number)

test('what the sink has is acknowledged, in the order of the stream', async () => {
  await lab.publish(250)
  const sink = new ScriptedSink()
  const pipe = run(sink)
  await pipe.start()
  await until('all', () => sink.written.length === 250)
  expect(sink.written).toEqual(numbers(250))
  const largest = Math.max(...sink.writes.map(({ length }) => length))
  expect(largest).toBeGreaterThan(10)
  expect(largest).toBeLessThanOrEqual(100)
  expect(pipe.status).toMatchObject({
    state: 'running',
    kind: 'sink',
    written: 250,
    refused: 0,
    group: 'test',
  })
  await pipe.stop(1_000)
  expect([pipe.status.state, pipe.status.written, sink.closed]).toEqual(['stopped', 250, 1])
})

test('one that is not there is waited for: nothing is read meanwhile, and no attempt is spent', async () => {
  await lab.publish(5)
  const sink = new ScriptedSink()
  let failures = 20
  sink.onConnect = async () => {
    if (failures-- > 0) throw new Error('nobody there')
  }
  const pipe = run(sink, { retry: { attempts: 1 } })
  await pipe.start()
  await until('a failure', () => pipe.status.state === 'retrying')
  expect(pipe.status.lastError).toMatchObject({ error: 'Error', message: 'nobody there' })
  await until('all', () => sink.written.length === 5)
  expect([sink.connects, await lab.letters()]).toEqual([21, []])
})

test.each([
  ['says that it is not available', () => new SinkError('SINK_UNAVAILABLE', 'down')],
  [
    'throws an error of the network',
    () => Object.assign(new Error('x'), { cause: Object.assign(new Error('y'), { code: 'ECONNRESET' }) }),
  ],
])('a sink that %s gets the same batch again, in order, and nobody is blamed', async (_, error) => {
  await lab.publish(10)
  const sink = new ScriptedSink()
  let failures = 8
  sink.onWrite = async () => {
    if (failures-- > 0) throw error()
  }
  await run(sink, { retry: { attempts: 1 }, batch: { size: 10, waitMs: 50 } }).start()
  await until('all', () => sink.written.length === 10)
  expect(sink.written).toEqual(numbers(10))
  expect(sink.connects).toBe(9)
  expect(await lab.letters()).toEqual([])
})

test('while a sink is in doubt, one write tries it out, and the pipeline says so', async () => {
  await lab.publish(40)
  const sink = new ScriptedSink()
  let down = true
  let most = 0
  let atOnce = 0
  sink.onWrite = async () => {
    most = Math.max(most, ++atOnce)
    await new Promise((resolve) => setImmediate(resolve))
    atOnce--
    if (down) throw new SinkError('SINK_UNAVAILABLE', 'down')
  }
  const pipe = run(sink, { concurrency: 4, batch: { size: 10 } })
  await pipe.start()
  await until('doubt', () => pipe.status.state === 'retrying')
  most = 0
  const before = sink.writes.length
  await until('some tries', () => {
    expect(pipe.status.state).toBe('retrying')
    return sink.writes.length > before + 4
  })
  expect(most).toBe(1)
  down = false
  await until('all', () => sink.written.length === 40)
  expect(pipe.status.state).toBe('running')
})

test.each(['SINK_THROTTLED', 'SINK_UNAVAILABLE'] as const)(
  'one that wants to be asked again at once (%s) is asked with longer and longer pauses, and few lines in the log',
  async (code) => {
    await lab.publish(3)
    const sink = new ScriptedSink()
    const times: number[] = []
    sink.onWrite = async () => {
      times.push(performance.now())
      if (times.length < 4) throw new SinkError(code, 'busy', { retryAfterMs: 0 })
    }
    const warnings: string[] = []
    const log = { ...noLog, warn: (_: object, message: string) => void warnings.push(message) }
    await run(sink, { retryDelayMs: 60_000 }, log).start()
    await until('all', () => sink.written.length === 3)
    const pauses = times.slice(1).map((time, index) => time - times[index]!)
    for (const [index, pauseMs] of pauses.entries()) expect(pauseMs).toBeGreaterThanOrEqual(99 * 2 ** index)
    expect(warnings).toEqual(['The sink is not available, trying on: busy'])
  },
)

test('throttling of writes that were under way together counts as one', async () => {
  await lab.publish(8)
  const sink = Object.assign(new ScriptedSink(), { concurrency: 4 })
  let writes = 0
  sink.onWrite = async () => {
    const isRefused = ++writes <= 12
    await new Promise((resolve) => setImmediate(resolve))
    if (isRefused) throw new SinkError('SINK_THROTTLED', 'slower', { retryAfterMs: 10 })
  }
  await run(sink, { retryDelayMs: 600_000, batch: { size: 2 } }).start()
  // Twelve pauses that double would take minutes.
  await until('all', () => sink.written.length === 8)
  expect(writes).toBeGreaterThan(12)
})

test('throttling waits for as long as the sink says, and connects no second time', async () => {
  await lab.publish(3)
  const sink = new ScriptedSink()
  const times: number[] = []
  sink.onWrite = async () => {
    times.push(performance.now())
    if (times.length === 1) throw new SinkError('SINK_THROTTLED', 'slower', { retryAfterMs: 150 })
  }
  const pipe = run(sink)
  await pipe.start()
  await until('the wait is seen', () => pipe.status.state === 'retrying')
  await until('all', () => sink.written.length === 3)
  expect(pipe.status.state).toBe('running')
  expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(149)
  expect(sink.connects).toBe(1)
})

test('poison is halved out of its batch in few writes, tried again alone, and buried; the others go through', async () => {
  await lab.publish(64)
  const sink = new ScriptedSink()
  sink.onWrite = async (data) => {
    if (data.includes(37)) throw new SinkError('SINK_REFUSED', 'something in it')
  }
  const pipe = run(sink, { retry: { attempts: 2, delayMs: 1 }, batch: { size: 64, waitMs: 100 } })
  await pipe.start()
  await until('the letter', async () => (await lab.letters()).length === 1)
  await until('the others', () => sink.written.length === 63)
  expect(await lab.letters()).toMatchObject([
    { data: '37', 'deadletter-error': 'SINK_REFUSED', 'deadletter-attempts': '2' },
  ])
  // The whole, two halves on each of six levels, and the second attempt.
  expect(sink.writes).toHaveLength(14)
  expect(pipe.status.refused).toBe(2)
})

test('an outage in the middle of halving loses and blames nothing', async () => {
  await lab.publish(8)
  const sink = new ScriptedSink()
  sink.onWrite = async (data) => {
    if (sink.writes.length % 2 === 0) throw new SinkError('SINK_UNAVAILABLE', 'down')
    if (data.includes(5)) throw new Error('five')
  }
  await run(sink, { retry: { attempts: 1 }, batch: { size: 8, waitMs: 100 } }).start()
  await until('the letter', async () => (await lab.letters()).length === 1)
  await until('the others', () => sink.written.length === 7)
  expect(sink.written).toEqual([0, 1, 2, 3, 4, 6, 7])
})

test('events that the sink names become dead letters at once, and the rest is written once', async () => {
  await lab.publish(10)
  const sink = new ScriptedSink()
  sink.onWrite = async (data) =>
    data.map((one) => (one === 4 ? new MessageProcessingError('EVENT_TOO_LARGE', 'too large') : undefined))
  await run(sink, { batch: { size: 10, waitMs: 100 } }).start()
  await until('the letter', async () => (await lab.letters()).length === 1)
  await until('the others', () => sink.written.length === 9)
  expect(sink.writes).toHaveLength(1)
  expect(await lab.letters()).toMatchObject([
    { data: '4', 'deadletter-error': 'EVENT_TOO_LARGE', 'deadletter-attempts': '1' },
  ])
})

test('middleware decides what arrives; what it makes of one entry is told apart', async () => {
  await lab.publish(4)
  const seen: [string, number, unknown][] = []
  const sink: Sink = {
    connect: async () => {},
    write: async (events) =>
      void seen.push(
        ...events.map(
          ({ position, part, event }) => [position, part, event.data] as [string, number, unknown],
        ),
      ),
    close: async () => {},
  }
  const odd = filter<number>(({ event }) => event.data % 2 === 1)
  const twice = split<number>(({ data }) => [{ data }, { data: -data }])
  await run(sink, { middleware: [odd, twice] }).start()
  await until('all', () => seen.length === 4)
  expect(seen.map(([, part, data]) => [part, data])).toEqual([
    [0, 1],
    [1, -1],
    [0, 3],
    [1, -3],
  ])
  expect(new Set(seen.map(([position]) => position)).size).toBe(2)
})

test('a sink is told of what it may have already', async () => {
  await lab.publish(4)
  const seen: [unknown, boolean][] = []
  const sink = new ScriptedSink()
  const remember: Sink = {
    connect: () => sink.connect(),
    close: () => sink.close(),
    write: (events, signal) => {
      seen.push(...events.map(({ event, redelivered }) => [event.data, redelivered] as [unknown, boolean]))
      return sink.write(events, signal)
    },
  }
  sink.onWrite = async () => {
    throw new SinkError('SINK_UNAVAILABLE', 'down')
  }
  const first = run(remember, { batch: { size: 4, waitMs: 100 } })
  await first.start()
  await until('two writes', () => seen.length >= 8)
  expect(seen.slice(0, 8)).toEqual([
    ...numbers(4).map((data) => [data, false]),
    ...numbers(4).map((data) => [data, true]),
  ])
  // Given back by the stop, which costs no attempt.
  await first.stop(1_000)
  seen.length = 0
  sink.onWrite = async () => {}
  await run(remember).start()
  await until('all', () => sink.written.length === 4)
  expect(seen).toEqual(numbers(4).map((data) => [data, true]))
})

describe('a stop', () => {
  test('gives back at once what waits for its sink, and spends no attempt', async () => {
    await lab.publish(5)
    const sink = new ScriptedSink()
    sink.onWrite = async () => {
      throw new SinkError('SINK_UNAVAILABLE', 'down')
    }
    for (let turn = 0; turn < 3; turn++) {
      const pipe = run(sink, { retry: { attempts: 2 } })
      await pipe.start()
      const before = sink.writes.length
      await until('a write', () => sink.writes.length > before)
      await pipe.stop(5_000)
    }
    sink.onWrite = async () => {}
    await run(sink, { retry: { attempts: 2 } }).start()
    await until('all', () => sink.written.length === 5)
    expect(await lab.letters()).toEqual([])
  })

  test('waits for what is being written, and cuts off what takes too long', async () => {
    await lab.publish(1)
    const sink = new ScriptedSink()
    let aborted = false
    sink.onWrite = (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true
          reject(signal.reason as Error)
        })
      })
    const pipe = run(sink)
    await pipe.start()
    await until('the write', () => sink.writes.length === 1)
    await pipe.stop(50)
    expect([aborted, sink.closed, pipe.status.state]).toEqual([true, 1, 'stopped'])
    sink.onWrite = async () => {}
    await pipe.start()
    await until('the event, again', () => sink.written.length === 1)
  })
})

describe('a restart', () => {
  test('lets go of a sink once before it connects it again, however many ask for it at once', async () => {
    const calls: string[] = []
    const closing: (() => void)[] = []
    const sink: Sink = {
      connect: async () => void calls.push('connect'),
      write: async () => {},
      close: async () => {
        calls.push('close')
        await new Promise<void>((resolve) => closing.push(resolve))
        calls.push('closed')
      },
    }
    const pipe = run(sink)
    await pipe.start()
    await until('the sink', () => pipe.status.state === 'running')
    const restarts = [pipe.restart(5_000)]
    await until('the end of the first life', () => closing.length === 1)
    restarts.push(pipe.restart(5_000), pipe.restart(5_000))
    closing[0]!()
    await Promise.all(restarts)
    await until('the sink, again', () => pipe.status.state === 'running')
    expect(calls).toEqual(['connect', 'close', 'closed', 'connect'])
    const stopped = pipe.stop(5_000)
    await until('the end of the second life', () => closing.length === 2)
    closing[1]!()
    await stopped
  })

  test('leaves a sink behind that does not let go, and says so', async () => {
    const sink = new ScriptedSink()
    sink.close = () => new Promise(() => {})
    const pipe = run(sink)
    await pipe.start()
    await until('the sink', () => pipe.status.state === 'running')
    await pipe.restart(50)
    await until('the sink, again', () => pipe.status.state === 'running')
    expect(sink.connects).toBe(2)
    expect(pipe.status.lastError?.message).toMatch(/^letting go of the sink took longer than 500 ms/)
  })
})

test('a sink that answers more faults than it got events has failed with those that it got', async () => {
  await lab.publish(2)
  const sink = new ScriptedSink()
  sink.onWrite = async () =>
    Array.from({ length: 9 }, () => new MessageProcessingError('EVENT_REFUSED', 'no'))
  const pipe = run(sink, { batch: { size: 2, waitMs: 100 } })
  await pipe.start()
  await until('the letters', async () => (await lab.letters()).length === 2)
  expect(pipe.status).toMatchObject({ written: 0, refused: 2 })
})

test('a write that hangs is ended by its time limit, and made again', async () => {
  await lab.publish(2)
  const sink = new ScriptedSink()
  sink.onWrite = async () => {
    if (sink.writes.length === 1) await new Promise(() => {})
  }
  const pipe = run(sink, { writeTimeoutMs: 30, batch: { size: 2, waitMs: 100 } })
  await pipe.start()
  await until('all', () => sink.written.length === 2)
  expect(pipe.status.lastError).toMatchObject({
    error: 'SINK_UNAVAILABLE',
    message: expect.stringContaining('30 ms'),
  })
})

test('a pipeline that can not work waits until it is mended and restarted', async () => {
  await lab.publish(2)
  const sink = new ScriptedSink()
  sink.onConnect = async () => {
    throw new ConfigurationError('no such hub', [{ path: 'EVENT_HUB_NAME', message: 'is no hub' }])
  }
  const pipe = run(sink)
  await pipe.start()
  await until('the failure', () => pipe.status.state === 'failed')
  expect(pipe.status.lastError?.message).toBe('no such hub: EVENT_HUB_NAME: is no hub')
  expect(sink.connects).toBe(1)
  sink.onConnect = async () => {}
  await pipe.restart(1_000)
  await until('all', () => sink.written.length === 2)
})

test('one that finds out on writing that it can not work waits as well, and nobody is blamed', async () => {
  await lab.publish(2)
  const sink = new ScriptedSink()
  sink.onWrite = async () => {
    throw new ConfigurationError('the table has no such column')
  }
  const pipe = run(sink, { retry: { attempts: 1 } })
  await pipe.start()
  await until('the failure', () => pipe.status.state === 'failed')
  sink.onWrite = async () => {}
  await pipe.restart(1_000)
  await until('all', () => sink.written.length === 2)
  expect(await lab.letters()).toEqual([])
})

test('a pause takes nothing more until it is over', async () => {
  const sink = new ScriptedSink()
  const pipe = run(sink)
  pipe.pause()
  await pipe.start()
  await until('the pause', () => pipe.status.state === 'paused')
  await lab.publish(3)
  const [before] = pipe.status.lastLoops
  await until('a turn of the loop', () => (pipe.status.lastLoops[0] ?? 0) > (before ?? 0))
  expect(sink.writes).toEqual([])
  pipe.resume()
  await until('all', () => sink.written.length === 3)
})

test('a declaration tells every mistake', () => {
  expect(() => pipeline('', { from: ['a', 'a'], to: new ScriptedSink(), concurrency: 0, group: '' })).toThrow(
    expect.objectContaining({
      issues: ['name', 'from', 'group', 'concurrency'].map((path) => expect.objectContaining({ path })),
    }),
  )
  const endless = { writeTimeoutMs: 2 ** 31, retryDelayMs: 2 ** 31 }
  expect(() => pipeline('a', { from: 'a', to: new ScriptedSink(), ...endless })).toThrow(
    expect.objectContaining({
      issues: ['writeTimeoutMs', 'retryDelayMs'].map((path) => expect.objectContaining({ path })),
    }),
  )
  expect(() => pipeline('a', { from: 'a', to: 'b' } as never)).toThrow(/must be a sink/)
  expect(() => pipeline('a', { from: [], to: new ScriptedSink() })).toThrow(/at least one stream/)
})

describe('data as JSON', () => {
  /** What came of an event, to a sink that asks for it or not. */
  async function dataJsonOf(wantsJson: boolean, options: Partial<SinkPipelineOptions> = {}) {
    const seen: SinkEvent[] = []
    const sink = Object.assign(new ScriptedSink(), { wantsJson })
    const write = sink.write.bind(sink)
    sink.write = (events, signal) => {
      seen.push(...events)
      return write(events, signal)
    }
    await lab.publish(1, () => ['type', 't', 'data', '{"n": 12345678901234567890}'])
    const pipe = run(sink, options)
    await pipe.start()
    await until('the event', () => pipe.status.written === 1)
    return seen[0]!.dataJson
  }

  test('is there for a sink that asks for it', async () => {
    expect(await dataJsonOf(true)).toBe('{"n": 12345678901234567890}')
  })

  test('is not for one that does not ask, which may hand on what it changed', async () => {
    expect(await dataJsonOf(false)).toBeUndefined()
  })

  test('is not where middleware was on the way, which may have changed the data where they are', async () => {
    expect(await dataJsonOf(true, { middleware: [filter(() => true)] })).toBeUndefined()
  })
})
