import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { failureOf } from '../../test/support/until.ts'
import { dispatch } from '../bus/dispatch.ts'
import { Publisher } from '../bus/publisher.ts'
import { decodeEntry } from '../core/codec.ts'
import type { Event, NewEvent } from '../core/event.ts'
import { compose } from '../core/pipeline.ts'
import { FIRST_POSITION } from '../core/position.ts'
import { stream } from '../core/stream.ts'
import { versioned } from '../core/versioned.ts'
import { MemoryStreamLog } from '../testing/memory-log.ts'
import { decrypt, type DecryptOptions } from './decrypt.ts'
import { encrypt, type EncryptOptions } from './encrypt.ts'
import { keyRing } from './key-ring.ts'
import { redactPublished } from './redact.ts'
import { TestDelivery } from './test-delivery.ts'

const keys = { k1: randomBytes(32), k2: randomBytes(32) }
const ring = keyRing({ current: 'k1', keys })

const SECRET = 'ada@example.org'
const user = { user: { email: SECRET, name: 'Ada' }, cards: [{ number: '4111-1111' }, { number: '4222' }] }

/** Publishes events through `encrypt` and answers them as they stand in the stream. */
async function publish(events: NewEvent[], options?: EncryptOptions, streamName = 'users'): Promise<Event[]> {
  const log = new MemoryStreamLog()
  const results = await new Publisher(log, { middleware: [encrypt(ring, options)] }).publish(
    streamName,
    events,
  )
  for (const result of results) if (typeof result !== 'string') throw result
  const entries = await log.read(streamName, FIRST_POSITION, 100)
  return entries.map((entry) => ({ ...decodeEntry(streamName, entry), time: 'T' }))
}

const publishOne = async (event: Partial<NewEvent> = {}, options?: EncryptOptions): Promise<Event> =>
  (await publish([{ type: 'user.created', data: user, ...event }], options))[0]!

/** What a handler behind `decrypt` sees of an event. */
async function open(
  event: Event,
  options?: DecryptOptions,
  as: { stream?: string; attempt?: number } = {},
  with_ = ring,
) {
  let seen: Event | undefined
  await decrypt(with_, options)((delivery) => void (seen = delivery.event))(
    new TestDelivery(event, { stream: 'users', ...as }),
  )
  return seen!
}

describe('an encrypted event', () => {
  test('is unreadable in the stream, and names algorithm, key, IV and stream', async () => {
    const event = await publishOne({ id: 'e-1', key: 'k', headers: { source: '/shop' } })
    expect(JSON.stringify(event)).not.toContain(SECRET)
    expect(event).toMatchObject({ id: 'e-1', type: 'user.created', key: 'k', data: null })
    const { iv, ...rest } = JSON.parse(event.headers['encryption']!) as Record<string, string>
    expect(rest).toEqual({ algorithm: 'A256GCM', key: 'k1', stream: 'users', id: 'e-1' })
    expect(Buffer.from(iv!, 'base64')).toHaveLength(12)
    expect(Object.keys(event.headers)).toEqual(['source', 'encryption', 'ciphertext'])
  })

  test('is as it was behind decrypt, without a trace of the encryption', async () => {
    const seen = await open(await publishOne({ id: 'e-1', key: 'k', headers: { source: '/shop' } }))
    expect(seen).toMatchObject({ id: 'e-1', type: 'user.created', key: 'k', data: user })
    expect({ ...seen.headers }).toEqual({ source: '/shop' })
    expect(seen.headers['constructor']).toBeUndefined()
  })

  test('has an IV of its own each time', async () => {
    const events = await publish(Array.from({ length: 100 }, () => ({ type: 't', data: 1 })))
    expect(new Set(events.map(({ headers }) => JSON.parse(headers['encryption']!).iv)).size).toBe(100)
    expect(new Set(events.map(({ headers }) => headers['ciphertext'])).size).toBe(100)
  })

  test('gets through with any data that JSON can say, in whole or by paths', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue(),
        fc.constantFrom(undefined, ['a', '*.b', '0.*', '__proto__.x']),
        async (data, paths) => {
          const seen = await open(await publishOne({ data }, paths && { paths }))
          expect(JSON.stringify(seen.data)).toBe(JSON.stringify(JSON.parse(JSON.stringify(data))))
        },
      ),
      { numRuns: 300 },
    )
  })

  test('keeps members named __proto__, and nothing of it reaches another object', async () => {
    const data = JSON.parse('{"__proto__":{"x":1},"a":{"__proto__":2}}') as unknown
    for (const paths of [undefined, ['__proto__.x', 'a.__proto__'], ['__proto__']]) {
      const seen = await open(await publishOne({ data }, paths && { paths }))
      expect(JSON.stringify(seen.data)).toBe(JSON.stringify(data))
      expect(({} as Record<string, unknown>)['x']).toBeUndefined()
    }
  })

  test.each([
    1n,
    {
      toJSON: () => {
        throw new Error('no')
      },
    },
  ])('refuses what JSON can not say', async (data) => {
    expect(await failureOf(publishOne({ data }))).toMatchObject({ code: 'EVENT_INVALID' })
  })
})

describe('encrypted by paths', () => {
  const paths = ['user.email', 'cards.*.number', 'nothing.here']

  test('the rest stays readable, also for those without the key', async () => {
    const event = await publishOne({}, { paths })
    expect(event.data).toEqual({
      user: { email: '****', name: 'Ada' },
      cards: [{ number: '****' }, { number: '****' }],
    })
    expect(JSON.stringify(event)).not.toMatch(/ada@|4111-1111/)
    expect((await open(event)).data).toEqual(user)
  })

  test('and can not be changed', async () => {
    const event = await publishOne({}, { paths })
    const data = { ...(event.data as typeof user), user: { email: '****', name: 'Eve' } }
    expect(await failureOf(open({ ...event, data }))).toMatchObject({ code: 'EVENT_UNDECODABLE' })
  })

  test('refuses paths that lead nowhere', () => {
    expect(() => encrypt(ring, { paths: [] })).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION_INVALID' }),
    )
  })
})

describe('what does not open', () => {
  const flip = (text: string, at: number) => {
    const bytes = Buffer.from(text, 'base64')
    bytes[at < 0 ? bytes.length + at : at]! ^= 1
    return bytes.toString('base64')
  }
  const withEncryption = (event: Event, changes: object): Event => {
    const encryption = JSON.stringify({ ...JSON.parse(event.headers['encryption']!), ...changes })
    return { ...event, headers: { ...event.headers, encryption } }
  }
  const withCiphertext = (event: Event, ciphertext: string): Event => ({
    ...event,
    headers: { ...event.headers, ciphertext },
  })

  test.each<[string, (event: Event, other: Event) => Event]>([
    ['another type', (event) => ({ ...event, type: 'user.promoted' })],
    ['another key', (event) => ({ ...event, key: 'other' })],
    ['no key', (event) => ({ ...event, key: undefined })],
    [
      'another version of the data',
      (event) => ({ ...event, headers: { ...event.headers, dataversion: '2' } }),
    ],
    ['another id', (event) => ({ ...event, id: 'other' })],
    [
      'another id, here and in the header',
      (event) => withEncryption({ ...event, id: 'other' }, { id: 'other' }),
    ],
    ['readable data', (event) => ({ ...event, data: {} })],
    ['the ciphertext of another', (event, other) => withCiphertext(event, other.headers['ciphertext']!)],
    [
      'another IV',
      (event, other) => withEncryption(event, { iv: JSON.parse(other.headers['encryption']!).iv }),
    ],
    ['an IV that is too short', (event) => withEncryption(event, { iv: 'AAAA' })],
    ['no IV', (event) => withEncryption(event, { iv: '' })],
    ['one bit of its ciphertext', (event) => withCiphertext(event, flip(event.headers['ciphertext']!, 0))],
    ['one bit of its tag', (event) => withCiphertext(event, flip(event.headers['ciphertext']!, -1))],
    ['a tag cut short', (event) => withCiphertext(event, event.headers['ciphertext']!.slice(0, -8))],
    ['no ciphertext', (event) => withCiphertext(event, '')],
    ['ciphertext that is none', (event) => withCiphertext(event, 'no\u0000thing')],
    ['another key of the ring', (event) => withEncryption(event, { key: 'k2' })],
    ['one member more', (event) => withEncryption(event, { more: true })],
    ['no JSON', (event) => ({ ...event, headers: { ...event.headers, encryption: '{' } })],
    ['null', (event) => ({ ...event, headers: { ...event.headers, encryption: 'null' } })],
    ['an IV that is no text', (event) => withEncryption(event, { iv: 5 })],
  ])('is a dead letter: %s', async (_what, change) => {
    const [event, other] = await publish([
      { type: 'user.created', data: user, id: 'e-1', key: 'k' },
      { type: 'user.created', data: 'x', id: 'e-2', key: 'k' },
    ])
    const failure = await failureOf(open(change(event!, other!)))
    expect(failure).toMatchObject({ code: 'EVENT_UNDECODABLE' })
    expect(failure.message).not.toContain(SECRET)
  })

  test('is a dead letter under another key of the same id', async () => {
    const other = keyRing({ current: 'k1', keys: { k1: randomBytes(32) } })
    const failure = await failureOf(open(await publishOne(), {}, {}, other))
    expect(failure).toMatchObject({ code: 'EVENT_UNDECODABLE' })
    expect(failure.message).toContain(
      'can\'t be decrypted by the key "k1": it was changed, belongs to another event',
    )
  })

  test('waits for a key that the ring does not have, longer each time, and for an algorithm that it does not know', async () => {
    const before = keyRing({ current: 'k2', keys: { k2: keys.k2 } })
    const event = await publishOne()
    expect(await failureOf(open(event, {}, {}, before))).toMatchObject({
      code: 'ENCRYPTION_KEY_UNKNOWN',
      delayMs: 30_000,
    })
    expect(await failureOf(open(event, {}, { attempt: 3 }, before))).toMatchObject({ delayMs: 120_000 })
    expect(await failureOf(open(withEncryption(event, { algorithm: 'X' })))).toMatchObject({
      code: 'ENCRYPTION_KEY_UNKNOWN',
    })
  })

  test('opens when the key has arrived, without a restart', async () => {
    const source = vi.fn(() => ({ current: 'k2', keys: { k2: keys.k2 } as Record<string, Buffer> }))
    const now = vi.spyOn(performance, 'now')
    try {
      const loaded = keyRing(source)
      const event = await publishOne()
      expect(await failureOf(open(event, {}, {}, loaded))).toMatchObject({ code: 'ENCRYPTION_KEY_UNKNOWN' })
      source.mockReturnValue({ current: 'k2', keys })
      const later = performance.now() + 1_000
      now.mockReturnValue(later)
      expect((await open(event, {}, {}, loaded)).data).toEqual(user)
    } finally {
      now.mockRestore()
    }
  })

  test('comes from another stream, unless that is named', async () => {
    const event = await publishOne()
    const copy = { ...event, headers: { ...event.headers, source: 'users' } }
    const failure = await failureOf(open(copy, {}, { stream: 'orders' }))
    expect(failure).toMatchObject({ code: 'EVENT_UNDECODABLE' })
    expect(failure.message).toContain(
      'was encrypted for the stream "users", and is accepted from orders alone',
    )
    expect((await open(copy, { from: ['users'] }, { stream: 'orders' })).data).toEqual(user)
    const renamed = withEncryption(event, { stream: 'orders' })
    expect(await failureOf(open(renamed, {}, { stream: 'orders' }))).toMatchObject({
      code: 'EVENT_UNDECODABLE',
    })
    expect(() => decrypt(ring, { from: [] })).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION_INVALID' }),
    )
  })

  test('is readable where everything is encrypted, unless that is allowed', async () => {
    const plain = { id: '1-1', type: 't', time: 'T', data: 5, headers: {} }
    expect(await failureOf(open(plain))).toMatchObject({
      code: 'EVENT_INVALID',
      message: expect.stringContaining('unless allowPlaintext is true'),
    })
    expect((await open(plain, { allowPlaintext: true })).data).toBe(5)
    expect((await open(await publishOne(), { allowPlaintext: true })).data).toEqual(user)
  })
})

describe('with schemas', () => {
  const people = stream('people', {
    person: versioned({ 1: z.string(), 2: z.object({ email: z.email() }) }, { 1: (email) => ({ email }) }),
  })
  const publishPerson = async (data: unknown, ...before: ReturnType<typeof redactPublished>[]) => {
    const log = new MemoryStreamLog()
    const publisher = new Publisher(log, { middleware: [...before, encrypt(ring)] })
    const results = await publisher.publish(people, [{ type: 'person', data }])
    expect(results).toEqual([expect.any(String)])
    return decodeEntry('people', (await log.read('people', FIRST_POSITION, 1))[0]!)
  }

  test('the readable data is checked on publishing, and again when it was decrypted', async () => {
    const event = await publishPerson({ email: SECRET })
    expect(event.headers['dataversion']).toBe('2')
    let seen: unknown
    const handler = compose(decrypt(ring))(
      dispatch(people, { person: ({ event: { data } }) => void (seen = data) }),
    )
    await handler(new TestDelivery(event, { stream: 'people' }))
    expect(seen).toEqual({ email: SECRET })
    expect(await failureOf(publishPerson({ email: 'nobody' }))).toMatchObject({ code: 'EVENT_INVALID' })
    expect(await failureOf(publishPerson({ email: SECRET }, redactPublished(['email'])))).toMatchObject({
      code: 'EVENT_INVALID',
      message: expect.stringContaining('data.email'),
    })
    expect(
      await failureOf(async () => dispatch(people, { person: () => {} })(new TestDelivery(event))),
    ).toMatchObject({
      code: 'EVENT_INVALID',
    })
  })
})

describe('under an idempotency key', () => {
  const log = new MemoryStreamLog()
  const publisher = new Publisher(log, { middleware: [encrypt(ring)] })
  const once = async (data: unknown, idempotencyKey: string) =>
    (await publisher.publish('once', [{ type: 't', data, idempotencyKey }]))[0]

  test('the same event is the same, other data is a conflict', async () => {
    const position = await once({ a: 1 }, 'one')
    expect(await once({ a: 1 }, 'one')).toBe(position)
    expect(await once({ a: 2 }, 'one')).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
  })

  test('two keys never share an IV', async () => {
    await once({ a: 1 }, 'two')
    const ivs = (await log.read('once', FIRST_POSITION, 10)).map(
      (entry) => JSON.parse(decodeEntry('once', entry).headers['encryption']!).iv as string,
    )
    expect([ivs.length, new Set(ivs).size]).toEqual([2, 2])
  })
})
