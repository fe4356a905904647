import { randomUUID } from 'node:crypto'
import { createClient } from '@redis/client'
import { expect, test } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { useRedisServer } from '../../../test/support/use-redis.ts'
import { decodeEntry } from '../../core/codec.ts'
import { FIRST_POSITION } from '../../core/position.ts'
import { noLog } from '../../core/service.ts'
import { RedisStreamLog } from '../../redis/redis-log.ts'
import { pipeline, type SinkPipelineDeclaration } from '../pipeline.ts'
import { SinkPipeline } from '../sink-pipeline.ts'
import { streamSink, type StreamSinkOptions } from './stream.ts'

const redis = useRedisServer()
const other = useRedisServer()

/** A stream with events of all kinds, and a pipeline to the sink; both gone at the end. */
async function mirrored(
  options: Partial<StreamSinkOptions>,
  body: (scene: {
    stream: string
    target: string
    log: RedisStreamLog
    run: () => Promise<SinkPipeline>
    copies: (from?: RedisStreamLog) => Promise<ReturnType<typeof decodeEntry>[]>
  }) => Promise<void>,
): Promise<void> {
  const log = await RedisStreamLog.open({ url: redis.url })
  const [stream, target] = [`from:${randomUUID()}`, `to:${randomUUID()}`]
  const runs: SinkPipeline[] = []
  const run = async () => {
    const to = streamSink({ stream: target, ...options })
    const declared = pipeline('mirror', { from: stream, to, retryDelayMs: 20 }) as SinkPipelineDeclaration
    const one = new SinkPipeline(declared, { streams: log, log: noLog })
    runs.push(one)
    await one.start()
    return one
  }
  const copies = async (from = log) => {
    const entries = await from.read(target, FIRST_POSITION, 1_000).catch(() => [])
    return entries.map((entry) => decodeEntry(target, entry))
  }
  try {
    await body({ stream, target, log, run, copies })
  } finally {
    for (const one of runs) await one.stop(1_000)
    await log.close()
  }
}

test('events keep who they are, and whatever else they carry, on the way to another Redis', () =>
  mirrored({ redis: { url: other.url } }, async ({ stream, log, run, copies }) => {
    const [first] = await log.append(stream, [
      { fields: ['type', 'user.created', 'data', '{"name":"Zoë"}', 'partitionkey', 'k', 'subject', 's'] },
      {
        fields: [
          'type',
          't',
          'data',
          '1',
          'id',
          'own',
          'source',
          'elsewhere',
          'time',
          '2026-01-28T10:00:00.000Z',
        ],
      },
      { fields: ['eventType', 'old', 'payload', '{"a":[1]}', 'timestamp', '1700000000000'] },
      { fields: ['anything', 'at all'] },
    ])
    await run()
    const far = await RedisStreamLog.open({ url: other.url })
    try {
      await until('the copies', async () => (await copies(far)).length === 4)
      expect(await copies(far)).toMatchObject([
        {
          id: first,
          type: 'user.created',
          key: 'k',
          data: { name: 'Zoë' },
          headers: { subject: 's', source: stream },
        },
        { id: 'own', time: '2026-01-28T10:00:00.000Z', headers: { source: 'elsewhere' } },
        { type: 'old', data: { a: [1] } },
        { type: stream, data: { anything: 'at all' } },
      ])
    } finally {
      await far.close()
    }
  }))

test('what is written again, since its group began anew, stands once', () =>
  mirrored({}, async ({ stream, log, run, copies }) => {
    await log.append(
      stream,
      Array.from({ length: 250 }, (_, n) => ({ fields: ['type', 't', 'data', `${n}`] })),
    )
    const first = await run()
    await until('the copies', async () => (await copies()).length === 250)
    await first.stop(1_000)
    await log.operations.resets.reset(
      { stream, group: 'mirror', to: 'start' },
      { actor: 'test', reason: 'again' },
    )
    const second = await run()
    await until('all of them again', () => second.status.written === 250)
    expect((await copies()).map(({ data }) => data)).toEqual(Array.from({ length: 250 }, (_, n) => n))
  }))

test('what stands at the position of another one, since the stream was deleted and written anew, is no repeat', () =>
  mirrored({}, async ({ stream, run, copies }) => {
    const client = await createClient({ url: redis.url }).connect()
    try {
      const pipe = await run()
      for (const data of ['"first"', '"second"']) {
        // As two writes have it that come within one millisecond.
        await client.multi().del(stream).xAdd(stream, '1-1', { type: 't', data }).exec()
        await until(`the copy of ${data}`, async () =>
          (await copies()).some((copy) => JSON.stringify(copy.data) === data),
        )
      }
      expect(pipe.status.refused).toBe(0)
    } finally {
      client.destroy()
    }
  }))

test('an event that is too large there is a dead letter here', () =>
  mirrored({ maxEventBytes: 1_000 }, async ({ stream, log, run, copies }) => {
    await log.append(stream, [
      { fields: ['type', 't', 'data', '1'] },
      { fields: ['type', 't', 'data', JSON.stringify('x'.repeat(2_000))] },
      { fields: ['type', 't', 'data', '3'] },
    ])
    await run()
    await until('the copies', async () => (await copies()).length === 2)
    const letters = () => log.read(log.deadLetterStream(stream), FIRST_POSITION, 10).catch(() => [])
    await until('the letter', async () => (await letters()).length === 1)
    expect((await letters())[0]!.fields).toContain('EVENT_TOO_LARGE')
  }))

test('while the other Redis is away events wait, in their order and without a dead letter', () =>
  mirrored({ redis: { url: other.url, offlineTimeoutMs: 100 } }, async ({ stream, log, run }) => {
    await log.append(stream, [{ fields: ['type', 't', 'data', '0'] }])
    const pipe = await run()
    await until('the first one', () => pipe.status.written === 1)
    await other.kill('SIGSTOP')
    try {
      await log.append(
        stream,
        Array.from({ length: 20 }, (_, n) => ({ fields: ['type', 't', 'data', `${n + 1}`] })),
      )
      await until('a failure', () => pipe.status.state === 'retrying')
    } finally {
      await other.kill('SIGCONT')
    }
    await until('all', () => pipe.status.written === 21)
    expect(await log.read(log.deadLetterStream(stream), FIRST_POSITION, 10).catch(() => [])).toEqual([])
  }))

test('a stream that flows into itself is refused', () =>
  mirrored({}, async ({ stream, log }) => {
    const declared = pipeline('loop', { from: stream, to: streamSink({ stream }) }) as SinkPipelineDeclaration
    const pipe = new SinkPipeline(declared, { streams: log, log: noLog })
    await pipe.start()
    await until('the refusal', () => pipe.status.state === 'failed')
    expect(pipe.status.lastError?.message).toMatch(/never end/)
    await pipe.stop(100)
  }))

test('a name that is none is refused where it is declared', () => {
  expect(() => streamSink({ stream: '' })).toThrow(/stream: .*not empty/)
})

test('numbers arrive as they were published, of whatever size', () =>
  mirrored({}, async ({ stream, target, log, run }) => {
    const data = '{"wei":12345678901234567890,"rate":1.10}'
    await log.append(stream, [{ fields: ['type', 't', 'data', data, 'partitionkey', 'k'] }])
    const mirror = await run()
    await until('the copy', () => mirror.status.written === 1)
    const [copy] = await log.read(target, FIRST_POSITION, 10)
    expect(copy!.fields.slice(0, 4)).toEqual(['type', 't', 'data', data])
  }))
