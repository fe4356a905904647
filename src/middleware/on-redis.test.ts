import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { until } from '../../test/support/until.ts'
import { useRedisServer } from '../../test/support/use-redis.ts'
import { useEach } from '../../test/support/use.ts'
import { dispatch } from '../bus/dispatch.ts'
import { Publisher } from '../bus/publisher.ts'
import { decodeEntry } from '../core/codec.ts'
import type { Handler, Middleware } from '../core/delivery.ts'
import type { NewEvent } from '../core/event.ts'
import { compose, type PublishMiddleware } from '../core/pipeline.ts'
import { FIRST_POSITION } from '../core/position.ts'
import { stream, type StreamDeclaration } from '../core/stream.ts'
import { versioned } from '../core/versioned.ts'
import type { Schema } from '../core/schema.ts'
import { RedisStreamLog } from '../redis/redis-log.ts'
import { Worker } from '../worker/worker.ts'
import { decrypt } from './decrypt.ts'
import { encrypt } from './encrypt.ts'
import { filter } from './filter.ts'
import { keyRing } from './key-ring.ts'
import { map } from './map.ts'
import { redact } from './redact.ts'
import { split } from './split.ts'

const server = useRedisServer()
const log = useEach(
  () => RedisStreamLog.open({ url: server.url }),
  (it) => it.close(),
)
const workers: Worker[] = []
let names = 0

afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.stop(1_000))))

const userSchema = z.object({ email: z.email() })
const declare = (): StreamDeclaration => stream(`users-${names++}`, { 'user.created': userSchema })

const publish = (to: StreamDeclaration | string, events: NewEvent[], ...middleware: PublishMiddleware[]) =>
  new Publisher(log, { middleware }).publish(to, events)

async function consume(name: string, handler: Handler, ...middleware: Middleware[]): Promise<Worker> {
  const worker = new Worker(log, { stream: name, group: 'g', handler: compose(...middleware)(handler) })
  workers.push(worker)
  await worker.start()
  return worker
}

const entriesOf = async (name: string) => log.read(name, FIRST_POSITION, 100)
const lettersOf = (name: string, count: number) =>
  until('the dead letters', async () => {
    const letters = await entriesOf(log.deadLetterStream(name))
    return letters.length === count ? letters : undefined
  })

const ring = keyRing({ current: 'k1', keys: { k1: randomBytes(32) } })
const user = { type: 'user.created', data: { email: 'ada@example.org' } }

describe('encrypted on Redis', () => {
  test('a handler sees what was published, and the stream holds nothing of it', async () => {
    const users = declare()
    await publish(users, [user], encrypt(ring))
    const seen: unknown[] = []
    const handler = dispatch(users, { 'user.*': ({ event }) => void seen.push(event.data) })
    await consume(users.name, handler, decrypt(ring))
    await until('it', () => seen.length > 0)
    expect(seen).toEqual([user.data])
    expect(JSON.stringify(await entriesOf(users.name))).not.toContain('ada@')
  })

  test('a dead letter stays encrypted, and opens when it is written to its stream again', async () => {
    const users = declare()
    const seen: unknown[] = []
    await publish(users, [{ ...user, id: 'e-1', key: 'k' }, user], encrypt(ring))
    const wrong = stream(users.name, { 'user.created': z.object({ none: z.string() }) })
    const first = await consume(users.name, dispatch(wrong, { '*': () => {} }), decrypt(ring))
    const letters = await lettersOf(users.name, 2)
    await first.stop(1_000)
    expect(JSON.stringify(letters)).not.toContain('ada@')
    expect(letters[0]!.fields).toContain('ciphertext')
    const ids = letters.map((letter) => decodeEntry(users.name, letter).id)
    for (const { fields } of letters) await log.append(users.name, [{ fields }])
    const handler: Handler = ({ event }) => void seen.push([event.id, event.data])
    await consume(users.name, dispatch(users, { '*': handler }), decrypt(ring))
    await until('both', () => seen.length === 2)
    expect(seen).toEqual(ids.map((id) => [id, user.data]))
  })

  test('a copy in another stream opens where that is allowed', async () => {
    const users = declare()
    await publish(users, [user], encrypt(ring))
    const [entry] = await entriesOf(users.name)
    const copy = `copies-${names++}`
    await log.append(copy, [{ fields: [...entry!.fields, 'id', entry!.position, 'source', users.name] }])
    const seen: unknown[] = []
    await consume(copy, ({ event }) => void seen.push(event.data), decrypt(ring, { from: [users.name] }))
    await until('it', () => seen.length > 0)
    expect(seen).toEqual([user.data])
  })

  test('what was moved here or is readable ends among the dead letters, with the reason', async () => {
    const users = declare()
    await publish(users, [user], encrypt(ring))
    const [entry] = await entriesOf(users.name)
    const other = `other-${names++}`
    await log.append(other, [{ fields: entry!.fields }, { fields: ['type', 't', 'data', '1'] }])
    const worker = await consume(other, () => {}, decrypt(ring))
    await until('both', () => worker.status.deadLettered === 2)
    const letters = (await lettersOf(other, 2)).map((letter) => decodeEntry(other, letter).headers)
    expect(letters).toMatchObject([
      {
        'deadletter-error': 'EVENT_UNDECODABLE',
        'deadletter-reason': expect.stringContaining('was encrypted for the stream'),
      },
      {
        'deadletter-error': 'EVENT_INVALID',
        'deadletter-reason': expect.stringContaining('is not encrypted'),
      },
    ])
  })

  test('an unknown key is waited for by a retry, and no dead letter', async () => {
    const users = declare()
    await publish(users, [user], encrypt(ring))
    const worker = await consume(
      users.name,
      () => {},
      decrypt(keyRing({ current: 'k2', keys: { k2: randomBytes(32) } })),
    )
    await until('the failure', () => worker.status.failed === 1)
    expect(worker.status).toMatchObject({ deadLettered: 0, processed: 0 })
  })
})

test('an event of a newer version is retried, one of an older version is brought to the newest', async () => {
  const name = `people-${names++}`
  const old = stream(name, { person: z.string() })
  const now = stream(name, {
    person: versioned(
      { 1: z.string(), 2: z.object({ name: z.string() }) },
      { 1: (text) => ({ name: text }) },
    ),
  })
  await publish(old, [{ type: 'person', data: 'Ada', key: 'k' }])
  await publish(now, [{ type: 'person', data: { name: 'Bob' }, key: 'k' }])
  const seen: unknown[] = []
  const before = await consume(name, dispatch(old, { person: ({ event }) => void seen.push(event.data) }))
  await until('both', () => before.status.processed === 1 && before.status.failed === 1)
  expect(before.status.deadLettered).toBe(0)
  await before.stop(1_000)
  const after = new Worker(log, {
    stream: name,
    group: 'later',
    handler: dispatch(now, { person: ({ event }) => void seen.push(event.data) }),
  })
  workers.push(after)
  await after.start()
  await until('both', () => seen.length === 3)
  expect(seen).toEqual(['Ada', { name: 'Ada' }, { name: 'Bob' }])
})

test('a schema or an upcaster that throws makes a dead letter at once, with the reason', async () => {
  const fail = (reason: string) => () => {
    throw new Error(reason)
  }
  const name = `broken-${names++}`
  const broken = stream(name, {
    schema: { '~standard': { version: 1, vendor: 'test', validate: fail('broken schema') } } as Schema,
    upcaster: versioned({ 1: z.string(), 2: z.string() }, { 1: fail('broken upcaster') }),
    fine: z.string(),
  })
  await publish(name, [
    { type: 'schema', data: 'x' },
    { type: 'upcaster', data: 'x' },
    { type: 'fine', data: 'x' },
  ])
  const worker = await consume(name, dispatch(broken, { '>': () => {} }))
  await until('all', () => worker.status.deadLettered === 2 && worker.status.processed === 1)
  const letters = (await lettersOf(name, 2)).map((letter) => decodeEntry(name, letter))
  const reasons = Object.fromEntries(letters.map(({ type, headers }) => [type, headers['deadletter-reason']]))
  expect(reasons).toEqual({
    schema: 'the schema of schema failed: broken schema',
    upcaster: 'the upcaster of upcaster from version 1 to 2 failed: broken upcaster',
  })
  expect(letters.map(({ headers }) => headers['deadletter-attempts'])).toEqual(['1', '1'])
})

test('a type that nobody handles is a dead letter where that is asked for', async () => {
  const users = declare()
  await publish(users.name, [{ type: 'user.renamed', data: 1 }])
  const worker = await consume(
    users.name,
    dispatch(users, { 'user.created': () => {} }, { unhandled: 'dead-letter' }),
  )
  await until('it', () => worker.status.deadLettered === 1)
  const [letter] = await lettersOf(users.name, 1)
  expect(decodeEntry(users.name, letter!).headers['deadletter-reason']).toContain(
    'no handler takes the type "user.renamed"',
  )
})

test('map, split, filter and redact work one inside the other on what a worker delivers', async () => {
  const name = `orders-${names++}`
  await publish(name, [
    {
      type: 'order',
      data: {
        lines: [
          { n: 1, card: 'a' },
          { n: 2, card: 'b' },
          { n: 3, card: 'c' },
        ],
      },
    },
  ])
  const seen: unknown[] = []
  const worker = await consume(
    name,
    ({ event, position, signal }) =>
      void seen.push([event.type, event.data, typeof position, signal.aborted]),
    map<{ lines: object[] }>(({ data }) => ({ data: data.lines })),
    split<object[]>(({ data }) => data.map((line) => ({ type: 'line', data: line }))),
    filter<{ n: number }>(({ event }) => event.data.n !== 2),
    redact(['card']),
  )
  await until('it', () => worker.status.processed === 1)
  expect(seen).toEqual([
    ['line', { n: 1, card: '****' }, 'string', false],
    ['line', { n: 3, card: '****' }, 'string', false],
  ])
})
