import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { altered, beforeSave } from '../../test/support/cursors.ts'
import { Lab } from '../../test/support/worker-lab.ts'
import { until } from '../../test/support/until.ts'
import { ConfigurationError } from '../core/connector-errors.ts'
import { MillraceError } from '../core/errors.ts'
import { FIRST_POSITION } from '../core/position.ts'
import { noLog } from '../core/service.ts'
import type { Cursors, Source, SourceBatch, SourceContext, SourceItem } from '../core/source.ts'
import { MemoryCursors } from '../testing/memory-cursors.ts'
import { MemoryStreamLog } from '../testing/memory-log.ts'
import { pipeline, type SourcePipelineDeclaration, type SourcePipelineOptions } from './pipeline.ts'
import { SourcePipeline } from './source-pipeline.ts'

let lab: Lab
let cursors: MemoryCursors
let runs: SourcePipeline[]
beforeEach(() => {
  lab = new Lab(new MemoryStreamLog())
  cursors = new MemoryCursors()
  runs = []
})
afterEach(async () => {
  for (const run of runs) await run.stop(1_000)
  await lab.close()
})

function run(
  from: Source,
  options: Partial<SourcePipelineOptions> = {},
  kept: Cursors = cursors,
): SourcePipeline {
  const declared = pipeline('test', { from, to: lab.stream, retryDelayMs: 5, ...options })
  const one = new SourcePipeline(declared as SourcePipelineDeclaration, {
    streams: lab.log,
    log: noLog,
    cursors: kept,
  })
  runs.push(one)
  return one
}

const item = (data: unknown): SourceItem => ({ event: { type: 'number', data }, id: String(data) })

/** Ten numbers in batches of two, from its cursor on. */
function countsToTen(hear: (context: SourceContext) => void = () => {}): Source {
  return {
    async *read(context): AsyncIterable<SourceBatch> {
      hear(context)
      for (let next = Number(context.cursor ?? 0); next < 10; next += 2)
        yield { items: [item(next), item(next + 1)], cursor: String(next + 2) }
    },
  }
}

async function numbers(): Promise<number[]> {
  const entries = await lab.log.read(lab.stream, FIRST_POSITION, 100_000).catch(() => [])
  return entries.map(({ fields }) => Number(fields[3]))
}

const TEN = Array.from({ length: 10 }, (_, number) => number)

test('what a source reads is published in its order, and its end is one', async () => {
  const pipe = run(countsToTen())
  await pipe.start()
  await until('the end', () => pipe.status.state === 'finished')
  expect(await numbers()).toEqual(TEN)
  expect(cursors.saved.get('test')).toBe('10')
  expect(pipe.status).toMatchObject({ kind: 'source', written: 10, refused: 0, streams: [lab.stream] })
})

test('it goes on at its cursor, and what was published before that was remembered is not published twice', async () => {
  let failures = 3
  const forgetful = beforeSave(cursors, () => {
    if (failures-- > 0) throw new Error('not saved')
  })
  const pipe = run(countsToTen(), {}, forgetful)
  await pipe.start()
  await until('the end', () => pipe.status.state === 'finished')
  expect(await numbers()).toEqual(TEN)
  expect(pipe.status.lastError?.message).toBe('not saved')
})

test('an item that comes again as another event is told, and nothing is passed over', async () => {
  const never = beforeSave(cursors, () => {
    throw new Error('not saved')
  })
  const before = run(countsToTen(), {}, never)
  await before.start()
  await until('two', async () => (await numbers()).length === 2)
  await before.stop(1_000)
  const pipe = run(countsToTen(), { middleware: [(event) => ({ ...event, type: 'other' })] })
  await pipe.start()
  await until('the conflict', () => pipe.status.state === 'retrying')
  const { error, message } = pipe.status.lastError!
  expect(error).toBe('IDEMPOTENCY_CONFLICT')
  expect(message).toMatch(
    /^what is read again was published before as another event: its options or its middleware/,
  )
  expect(await numbers()).toEqual([0, 1])
  expect(cursors.saved.get('test')).toBeUndefined()
})

test('a source that fails is read again from the last cursor; a stop and a start go on there', async () => {
  const starts: unknown[] = []
  let left = 3
  const source = countsToTen(({ cursor }) => starts.push(cursor))
  const shaky: Source = {
    async *read(context) {
      let batches = 0
      for await (const batch of source.read(context)) {
        if (batches++ === 1 && left-- > 0) throw new Error('shaky')
        yield batch
      }
    },
  }
  const pipe = run(shaky)
  await pipe.start()
  await until('the end', () => pipe.status.state === 'finished')
  expect(starts).toEqual([undefined, '2', '4', '6'])
  expect(await numbers()).toEqual(TEN)
})

test('what can not be read, and what can not be published, are dead letters of the stream, and the rest goes on', async () => {
  const items: SourceItem[] = [
    item(1),
    { raw: '{"broken', reason: 'line 2 is no JSON', id: '2' },
    { event: { type: '', data: 3 }, id: '3' },
    item(4),
  ]
  let rounds = 0
  const source: Source = {
    async *read() {
      yield { items, cursor: 'a' }
      // Whoever forgot its cursor reads them again.
      if (rounds++ === 0) throw new Error('again')
    },
  }
  const pipe = run(
    source,
    {},
    altered(cursors, () => ({ cursor: undefined })),
  )
  await pipe.start()
  await until('the end', () => pipe.status.state === 'finished')
  expect(await numbers()).toEqual([1, 4])
  expect(await lab.letters()).toMatchObject([
    { 'deadletter-error': 'EVENT_UNDECODABLE', 'deadletter-reason': 'line 2 is no JSON', raw: '{"broken' },
    { 'deadletter-error': 'NAME_INVALID', raw: '{"type":"","data":3}' },
  ])
})

test('a pause holds the next batch back, a stop ends what follows its source', async () => {
  let ended = false
  const follows: Source = {
    async *read({ signal }) {
      yield { items: [item(1)], cursor: '1' }
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      ended = true
    },
  }
  const pipe = run(follows)
  pipe.pause()
  await pipe.start()
  await until('the pause', () => pipe.status.state === 'paused')
  expect(await numbers()).toEqual([])
  pipe.resume()
  await until('the event', async () => (await numbers()).length === 1)
  await pipe.stop(1_000)
  expect([ended, pipe.status.state]).toEqual([true, 'stopped'])
})

test('restarts one upon the other leave one that reads, also where the source does not end in time', async () => {
  const reads: AbortSignal[] = []
  const stubborn: Source = {
    async *read({ signal }) {
      reads.push(signal)
      yield { items: [], cursor: '1' }
      await new Promise(() => {})
    },
  }
  const pipe = run(stubborn)
  await pipe.start()
  await until('the first one', () => pipe.status.state === 'running')
  const first = pipe.restart(50)
  await new Promise((resolve) => setTimeout(resolve, 25))
  await Promise.all([first, pipe.restart(50)])
  await until('the next one', () => pipe.status.state === 'running')
  await pipe.stop(50)
  expect(reads.map(({ aborted }) => aborted)).toEqual([true, true])
})

test('a source that can not work waits until it is mended and restarted', async () => {
  let mended = false
  const source = countsToTen(() => {
    if (!mended)
      throw new ConfigurationError('there is no such file', [{ path: 'path', message: 'is missing' }])
  })
  const pipe = run(source)
  await pipe.start()
  await until('the failure', () => pipe.status.state === 'failed')
  mended = true
  await pipe.restart(1_000)
  await until('the end', () => pipe.status.state === 'finished')
  expect(await numbers()).toEqual(TEN)
})

test('an item that middleware takes out hides no failure of those behind it', async () => {
  const source: Source = {
    async *read(): AsyncIterable<SourceBatch> {
      yield { items: [item(0), item(1), item(2)], cursor: '3' }
    },
  }
  const log = lab.log
  const append = log.append.bind(log)
  let isFull = true
  log.append = async (stream, entries) => {
    if (!isFull) return append(stream, entries)
    isFull = false
    return entries.map(() => new MillraceError('REDIS_REFUSED', 'no memory'))
  }
  const pipe = run(source, { middleware: [(event) => (event.data === 0 ? undefined : event)] })
  await pipe.start()
  await until('the end', () => pipe.status.state === 'finished')
  expect(pipe.status.lastError?.error).toBe('REDIS_REFUSED')
  expect(await numbers()).toEqual([1, 2])
  expect([cursors.saved.get('test'), pipe.status.written]).toEqual(['3', 2])
})

/** Numbers from its cursor on, one batch for each turn that it is given. */
function follows(turns: () => Promise<void>, starts: string[] = []): Source {
  return {
    async *read({ cursor = '0', signal }): AsyncIterable<SourceBatch> {
      starts.push(cursor)
      for (let next = Number(cursor); !signal.aborted; next++) {
        yield { items: [item(next)], cursor: String(next + 1) }
        await turns()
      }
    },
  }
}

test('of two instances one reads, and the other goes on where that one stops', async () => {
  const starts: string[] = []
  const source = follows(() => sleep(1), starts)
  const [first, second] = [run(source), run(source)]
  await first.start()
  await until('the first one', () => first.status.state === 'running')
  await second.start()
  await until('the second one', () => second.status.state === 'standby')
  await first.stop(1_000)
  const read = first.status.written
  await until('its turn', () => second.status.written > 10)
  expect(second.status.state).toBe('running')
  await second.stop(1_000)
  expect(starts).toEqual(['0', String(read)])
  expect(await numbers()).toEqual((await numbers()).map((_, index) => index))
  expect((await numbers()).length).toBe(read + second.status.written)
})

test('one that was not heard of does not move the cursor of its successor, and stands by', async () => {
  let release: (() => void) | undefined
  const hangs = follows(() => (release ? sleep(1) : new Promise((resolve) => (release = resolve))))
  const late = run(hangs)
  await late.start()
  await until('a batch', () => cursors.saved.get('test') === '1')
  await until('the hang', () => release !== undefined)
  cursors.take('test')
  const next = run(follows(() => sleep(1)))
  await next.start()
  await until('the successor', () => next.status.written > 5)
  release!()
  await until('the return', () => late.status.state === 'standby')
  expect(late.status).toMatchObject({ written: 1, lastError: undefined })
  await next.stop(1_000)
  await until('its turn', () => late.status.written > 5)
  await late.stop(1_000)
  const all = await numbers()
  expect(all).toEqual(all.map((_, index) => index))
  expect(cursors.saved.get('test')).toBe(String(all.length))
})

test('what was published as its lease was lost is read again, and not published again', async () => {
  const starts: unknown[] = []
  let losses = 0
  const shaky = beforeSave(cursors, () => {
    if (cursors.saved.get('test') === '2' && losses++ === 0) cursors.take('test')
  })
  const pipe = run(
    countsToTen(({ cursor }) => starts.push(cursor)),
    {},
    shaky,
  )
  await pipe.start()
  await until('the end', () => pipe.status.state === 'finished')
  expect(starts).toEqual([undefined, '2'])
  expect(await numbers()).toEqual(TEN)
  expect(pipe.status.lastError).toBeUndefined()
})

test('a source that does not end when it is stopped keeps no other instance from reading', async () => {
  const stubborn: Source = {
    async *read() {
      yield { items: [], cursor: '0' }
      await new Promise(() => {})
    },
  }
  const before = run(stubborn)
  await before.start()
  await until('the first one', () => before.status.state === 'running')
  const next = run(countsToTen())
  await next.start()
  await until('the second one', () => next.status.state === 'standby')
  await before.stop(20)
  await until('the end', () => next.status.state === 'finished')
  expect(await numbers()).toEqual(TEN)
})

test('a source that ends by throwing where its lease is lost has not failed', async () => {
  const starts: string[] = []
  const throws: Source = {
    async *read({ cursor = '0', signal }): AsyncIterable<SourceBatch> {
      starts.push(cursor)
      yield { items: [item(Number(cursor))], cursor: String(Number(cursor) + 1) }
      await sleep(60_000, undefined, { signal })
    },
  }
  const pipe = run(throws)
  await pipe.start()
  await until('a batch', () => cursors.saved.get('test') === '1')
  cursors.take('test')
  await until('the next start', () => cursors.saved.get('test') === '2')
  expect(starts).toEqual(['0', '1'])
  expect(pipe.status).toMatchObject({ state: 'running', lastError: undefined })
})

test('what was prepared while the lease was lost is left to whoever reads now', async () => {
  let prepare: (() => void) | undefined
  const slow = run(countsToTen(), {
    middleware: [
      async (event) => {
        if (event.data === 1) await new Promise<void>((resolve) => (prepare ??= resolve))
        return event
      },
    ],
  })
  await slow.start()
  await until('the middleware', () => prepare !== undefined)
  cursors.take('test')
  const next = run(countsToTen())
  await next.start()
  await until('the end', () => next.status.state === 'finished')
  prepare!()
  await until('the end of that', () => slow.status.state === 'finished')
  expect(slow.status.written).toBe(0)
  expect(await numbers()).toEqual(TEN)
})
