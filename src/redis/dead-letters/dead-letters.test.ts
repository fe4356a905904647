import { assert, asyncProperty, uint8Array } from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { useLog, useRedis } from '../../../test/support/use-redis.ts'
import type { DeadLetterProgress, StoredDeadLetter } from '../../core/dead-letters.ts'
import type { InvalidError } from '../../core/errors.ts'
import type { Claim, Consumer } from '../../core/stream-log.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { RedisActionRecords } from '../operations/action-record.ts'
import { openConnection } from '../connections/servers.ts'
import { editsKey } from './dead-letter-keys.ts'
import { RedisDeadLetters } from './dead-letters.ts'
import { COPY_FIELDS, deadLetterKey, inletKey } from '../keys.ts'

const GROUP = 'mailer'
const ada = { actor: 'ada@example.com', reason: 'the server is back' }
const forEver = new AbortController().signal

const { server, admin } = useRedis()
const log = useLog(server)
const letters = new RedisDeadLetters(admin)
const actions = new RedisActionRecords(admin)
let stream: string
let streams = 0

beforeEach(() => {
  stream = `letters:${streams++}`
})

const xadd = (key: string, fields: readonly (string | Buffer)[]) =>
  admin.send<string>(['XADD', key, '*', ...(fields as string[])])

async function claimAll(consumer: Consumer, count: number): Promise<Claim[]> {
  const claims: Claim[] = []
  await until(`${count} claims`, async () => {
    if (claims.length < count) claims.push(...(await consumer.claim(count - claims.length, 50, forEver)))
    return claims.length >= count
  })
  return claims
}

/** Publishes entries and gives them all up, as a worker does. Answers their positions. */
async function bury(
  entries: readonly (readonly (string | Buffer)[])[],
  { error = 'SMTP_DOWN', group = GROUP, attempts = 5, trim = false } = {},
): Promise<string[]> {
  const consumer = await log.join({ stream, group, consumer: 'c-1', start: '$' })
  const positions: string[] = []
  for (const fields of entries) positions.push(await xadd(stream, fields))
  const claims = await claimAll(consumer, entries.length)
  if (trim) await admin.send(['XDEL', stream, ...positions])
  const letter = { error, reason: `because of ${error}` }
  await consumer.settle(claims.map(({ position }) => ({ kind: 'dead-letter', position, attempts, letter })))
  await consumer.leave()
  return positions
}

const event = (number: number, type = 'user.created') => ['type', type, 'data', JSON.stringify({ number })]
const events = (count: number, type?: string) => Array.from({ length: count }, (_, n) => event(n, type))
/** Names and values of what was handed to the group, in hex, without those that say that it is a copy. */
async function inlet(
  group = GROUP,
): Promise<{ fields: Map<string, string>; copyOf: string; cause: string }[]> {
  const script = `
    local rows = redis.call('XRANGE', KEYS[1], '-', '+')
    local function hex(text) return (string.gsub(text, '.', function(c) return string.format('%02x', string.byte(c)) end)) end
    for _, row in ipairs(rows) do for i, part in ipairs(row[2]) do row[2][i] = hex(part) end end
    return rows`
  const rows = await admin.send<[string, string[]][]>(['EVAL', script, '1', inletKey(stream, group)])
  const text = (hex: string | undefined) => Buffer.from(hex ?? '', 'hex').toString()
  return rows.map(([, parts]) => {
    const copy = parts.splice(-4)
    expect([text(copy[0]), text(copy[2])]).toEqual([COPY_FIELDS.position, COPY_FIELDS.cause])
    const fields = new Map<string, string>()
    for (let i = 0; i < parts.length; i += 2) fields.set(text(parts[i]), parts[i + 1]!)
    return { fields, copyOf: text(copy[1]), cause: text(copy[3]) }
  })
}
const hex = (text: string | Buffer) => Buffer.from(text).toString('hex')
const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id)
const all = async (): Promise<StoredDeadLetter[]> =>
  (await letters.list(stream, {}, { limit: 500, order: 'oldest' })).letters

describe('list and get', () => {
  test('show all there is to know', async () => {
    const [position] = await bury([event(1)])
    const { letters: found, next } = await letters.list(stream)
    expect(next).toBeUndefined()
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({
      stream,
      group: GROUP,
      position,
      type: 'user.created',
      error: 'SMTP_DOWN',
      reason: 'because of SMTP_DOWN',
      attempts: 5,
      consumer: 'c-1',
      event: { id: position, type: 'user.created', data: { number: 1 }, headers: { source: stream } },
    })
    expect(Date.parse(found[0]!.time)).toBeGreaterThan(Date.now() - 60_000)
    expect(found[0]!.original).toBeUndefined()
    expect(await letters.get(stream, found[0]!.id)).toEqual(found[0])
  })

  test('of what never was answer nothing, or say so', async () => {
    expect(await letters.list(stream)).toEqual({ letters: [] })
    for (const id of ['1-1', 'nonsense', '99999999999999999999-0'])
      expect((await failureOf(letters.get(stream, id))).code).toBe('UNKNOWN_DEAD_LETTER')
  })

  test('filter by group, type, error and time, and page in both orders', async () => {
    await bury(events(7, 'a'), { error: 'X' })
    await bury(events(3, 'a'), { error: 'Y' })
    await bury(events(5, 'b'), { error: 'X', group: 'other' })
    const everything = await all()
    expect(everything).toHaveLength(15)
    for (const [filter, count] of [
      [{ group: 'other' }, 5],
      [{ type: 'a' }, 10],
      [{ error: 'X' }, 12],
      [{ type: 'a', error: 'X', group: GROUP }, 7],
      [{ type: 'b', error: 'Y' }, 0],
      [{ from: new Date(Date.now() + 60_000) }, 0],
      [{ to: new Date(Date.now() - 3_600_000) }, 0],
      [{ from: new Date(Number(everything[0]!.id.split('-')[0])) }, 15],
    ] as const)
      expect([filter, (await letters.list(stream, filter)).letters.length]).toEqual([filter, count])
    for (const order of ['newest', 'oldest'] as const) {
      const paged: string[] = []
      let after: string | undefined
      do {
        const page = await letters.list(
          stream,
          { type: 'a' },
          { limit: 3, order, ...(after ? { after } : {}) },
        )
        paged.push(...ids(page.letters))
        after = page.next
      } while (after)
      const expected = ids(everything.filter(({ type }) => type === 'a'))
      expect(paged).toEqual(order === 'oldest' ? expected : expected.toReversed())
    }
  })

  test('look at a bounded number of letters and say where to go on', async () => {
    await bury([event(0, 'rare')])
    const why = ['deadletter-stream', stream, 'deadletter-group', GROUP, 'deadletter-error', 'E']
    const fill = `for i = 1, 12000 do redis.call('XADD', KEYS[1], '*', 'type', 'often', 'data', '1', unpack(ARGV)) end`
    await admin.send(['EVAL', fill, '1', deadLetterKey(stream), ...why])
    const first = await letters.list(stream, { type: 'rare' })
    expect(first.letters).toEqual([])
    expect(first.next).toBeDefined()
    const second = await letters.list(stream, { type: 'rare' }, { after: first.next! })
    expect(second.letters).toHaveLength(1)
    const { counts, total, complete } = await letters.summary(stream)
    expect({ total, complete }).toEqual({ total: 12_001, complete: true })
    expect(counts.map(({ type, count }) => [type, count])).toEqual([
      ['often', 12_000],
      ['rare', 1],
    ])
  })

  test('read what is no letter of ours, or pretends to be one', async () => {
    await xadd(deadLetterKey(stream), ['a', 'b'])
    await xadd(deadLetterKey(stream), ['deadletter-fields', '{"a":1}', 'deadletter-stream', stream])
    await bury([['deadletter-stream', 'forged', 'deadletter-group', 'forged', 'x', 'y']])
    const [foreign, odd, forged] = await all()
    expect(foreign).toMatchObject({ group: '', error: '', fields: ['a', 'b'], attempts: 0 })
    expect(odd!.fields).toEqual(['deadletter-fields', '{"a":1}'])
    expect(forged).toMatchObject({ stream, group: GROUP })
    expect(forged!.fields).toEqual(['deadletter-stream', 'forged', 'deadletter-group', 'forged', 'x', 'y'])
  })

  test('read an entry with very many fields, and one of which nothing is left', async () => {
    const wide = Array.from({ length: 3_500 }, (_, n) => [`f${n}`, `v${n}`]).flat()
    await bury([wide])
    await xadd(deadLetterKey(stream), ['deadletter-stream', stream, 'deadletter-group', GROUP])
    const [one, none] = await all()
    expect(one!.fields).toEqual(wide)
    expect(none).toMatchObject({ fields: [], undecodable: expect.stringContaining('trimmed') })
    expect(none!.event).toBeUndefined()
  })

  test('refuse what makes no sense, all of it at once', async () => {
    const bad = { group: '', error: 7 as unknown as string, from: new Date('x'), to: 'y' as unknown as Date }
    const error = (await failureOf(letters.list(stream, bad))) as InvalidError
    expect(error.code).toBe('CONFIGURATION_INVALID')
    expect(error.issues.map(({ path }) => path).sort()).toEqual(['error', 'from', 'group', 'to'])
    expect((await failureOf(letters.list(stream, {}, { limit: 0 }))).code).toBe('CONFIGURATION_INVALID')
    expect((await failureOf(letters.list(stream, {}, { after: 'x' }))).code).toBe('CONFIGURATION_INVALID')
  })
})

describe('the overview', () => {
  test('counts what is alike', async () => {
    await bury(events(4, 'a'), { error: 'X' })
    await bury(events(2, 'b'), { error: 'X' })
    await bury(events(1, 'a'), { error: 'X' })
    const found = await all()
    const { counts } = await letters.summary(stream, { error: 'X' })
    expect(counts).toEqual([
      { group: GROUP, error: 'X', type: 'a', count: 5, oldest: found[0]!.id, newest: found[6]!.id },
      { group: GROUP, error: 'X', type: 'b', count: 2, oldest: found[4]!.id, newest: found[5]!.id },
    ])
  })

  test('finds the streams that have dead letters', async () => {
    const names = [`plain-${streams}`, `a{b}c-${streams}`, `}{-${streams}`]
    for (const name of names) {
      stream = name
      await bury([event(1)])
    }
    await xadd('{x}:dead-letter', ['a', 'b'])
    const found: string[] = []
    let after: string | undefined
    do {
      const page = await letters.streams(after)
      found.push(...page.streams.map((one) => one.stream))
      after = page.next
    } while (after)
    for (const name of names) expect(found).toContain(name)
    expect(found).not.toContain('x')
    expect((await failureOf(letters.streams('x'))).code).toBe('CONFIGURATION_INVALID')
  })
})

describe('edit', () => {
  test('changes data and type, keeps the id, the order, other bytes and what came', async () => {
    const raw = Buffer.from([0, 255, 254, 10, 34, 92])
    await bury([event(0), [...event(1), 'blob', raw], event(2)])
    const before = await all()
    const { id } = before[1]!
    await letters.edit(stream, id, { data: { number: 99 } }, ada)
    const edited = await letters.edit(stream, id, { type: 'user.changed' }, ada)
    expect(edited).toMatchObject({ id, type: 'user.changed', event: { data: { number: 99 } } })
    expect(edited.original).toEqual(before[1]!.fields)
    expect(ids(await all())).toEqual(ids(before))
    expect(ids((await letters.list(stream, { type: 'user.changed' })).letters)).toEqual([id])
    await letters.redrive(stream, { ids: [id] }, ada)
    const [copy] = await inlet()
    expect(copy!.fields.get('blob')).toBe(raw.toString('hex'))
    expect(copy!.fields.get('data')).toBe(hex('{"number":99}'))
    expect(await admin.send(['EXISTS', editsKey(stream)])).toBe(0)
    const { records } = await actions.actions(stream)
    expect(records.map(({ action, actor, ids }) => [action, actor, ids])).toEqual([
      ['redrive', ada.actor, [id]],
      ['edit', ada.actor, [id]],
      ['edit', ada.actor, [id]],
    ])
  })

  test('finds the fields of other formats, and says where there is none', async () => {
    await bury([
      ['eventType', 'old', 'payload', '{}'],
      ['requestId', '1', 'data', '{}'],
      ['a', 'b'],
      [...event(1), 'datacontenttype', 'text/plain'],
    ])
    const [c, b, any, text] = await all()
    expect((await letters.edit(stream, c!.id, { data: [1], type: 'new' }, ada)).fields).toEqual([
      'eventType', 'new', 'payload', '[1]',
    ]) // prettier-ignore
    expect((await letters.edit(stream, b!.id, { data: null }, ada)).fields).toEqual([
      'requestId',
      '1',
      'data',
      'null',
    ])
    for (const letter of [any!, text!])
      expect((await failureOf(letters.edit(stream, letter.id, { data: 1 }, ada))).code).toBe('EVENT_INVALID')
  })

  test('refuses what would break an encrypted event, and leaves it as it is', async () => {
    await bury([['type', 'a', 'data', 'null', 'encryption', '{}', 'ciphertext', 'x']])
    const [letter] = (await letters.list(stream)).letters
    for (const change of [{ data: 1 }, { type: 'b' }])
      expect((await failureOf(letters.edit(stream, letter!.id, change, ada))).message).toContain('encrypted')
    expect((await letters.list(stream)).letters).toEqual([letter])
  })

  test('replaces all fields, and takes everything back', async () => {
    await bury([event(1)])
    const [{ id, fields }] = (await all()) as [StoredDeadLetter]
    const edited = await letters.edit(stream, id, { fields: ['x', 'y', 'x', '\u0000/"\\ü'] }, ada)
    expect(edited.fields).toEqual(['x', 'y', 'x', '\u0000/"\\ü'])
    const back = await letters.edit(stream, id, { original: true }, ada)
    expect(back.fields).toEqual(fields)
    expect(back.original).toBeUndefined()
  })

  test('refuses what can not be an entry', async () => {
    await bury([event(1)])
    const [{ id }] = (await all()) as [StoredDeadLetter]
    const wrong = [
      [],
      ['a'],
      ['a', 1],
      ['a', '\ud800'],
      [COPY_FIELDS.position, '1-1'],
      Array(8_000).fill('x'),
    ]
    for (const fields of wrong)
      expect((await failureOf(letters.edit(stream, id, { fields } as never, ada))).code).toBe('EVENT_INVALID')
    expect((await failureOf(letters.edit(stream, id, {}, ada))).code).toBe('EVENT_INVALID')
    expect((await failureOf(letters.edit(stream, id, { type: 'x' }, { actor: '' }))).code).toBe(
      'NAME_INVALID',
    )
    expect((await failureOf(letters.edit(stream, '1-1', { type: 'x' }, ada))).code).toBe(
      'UNKNOWN_DEAD_LETTER',
    )
    expect((await letters.get(stream, id)).original).toBeUndefined()
  })

  test('by many at once loses no change of another field', async () => {
    await bury([event(1)])
    const [{ id }] = (await all()) as [StoredDeadLetter]
    await Promise.all([
      ...Array.from({ length: 5 }, (_, n) => letters.edit(stream, id, { data: n }, ada)),
      letters.edit(stream, id, { type: 'mended' }, ada),
    ])
    expect((await letters.get(stream, id)).type).toBe('mended')
  })

  test('looks for the field once more when another edit came between', async () => {
    await bury([event(1)])
    const [{ id }] = (await all()) as [StoredDeadLetter]
    // Both read before either writes, as their commands travel in the order of the calls.
    await Promise.all([
      letters.edit(stream, id, { fields: ['eventType', 'old', 'payload', '{}'] }, ada),
      letters.edit(stream, id, { data: 5 }, ada),
    ])
    expect((await letters.get(stream, id)).fields).toEqual(['eventType', 'old', 'payload', '5'])
  })

  test('forgets the edits of letters that are gone', async () => {
    await bury(events(2))
    const [first, second] = await all()
    await letters.edit(stream, first!.id, { type: 'x' }, ada)
    await admin.send(['XDEL', deadLetterKey(stream), first!.id])
    await letters.edit(stream, second!.id, { type: 'x' }, ada)
    expect(await admin.send(['HKEYS', editsKey(stream)])).toEqual([second!.id])
  })
})

describe('redrive', () => {
  test('gives entries to their own group alone, byte for byte, with their identity', async () => {
    const raw = Buffer.from([0xff, 0xfe, 0x00, 0x0a])
    const [position] = await bury([[...event(1), 'blob', raw]])
    await bury([event(2)], { group: 'other' })
    const result = await letters.redrive(stream, { filter: { group: GROUP } }, ada)
    expect(result).toEqual({ done: 1, refused: 0, missing: 0, refusals: [], complete: true })
    expect(await inlet('other')).toEqual([])
    const [copy, ...others] = await inlet()
    expect(others).toEqual([])
    expect(copy).toMatchObject({ copyOf: position, cause: 'redrive' })
    expect(Object.fromEntries(copy!.fields)).toEqual({
      type: hex('user.created'),
      data: hex('{"number":1}'),
      blob: raw.toString('hex'),
      id: hex(position!),
      source: hex(stream),
      time: hex(new Date(Number(position!.split('-')[0])).toISOString()),
    })
    expect((await all()).map(({ group }) => group)).toEqual(['other'])
  })

  test('reaches a consumer of the group, with attempts anew', async () => {
    await bury(events(3))
    await letters.redrive(stream, { filter: {} }, ada)
    const consumer = await log.join({ stream, group: GROUP, consumer: 'c-2' })
    const claims = await claimAll(consumer, 3)
    expect(claims.map(({ attempt, copyOf }) => [attempt, copyOf?.cause])).toEqual([
      [1, 'redrive'],
      [1, 'redrive'],
      [1, 'redrive'],
    ])
    await consumer.leave()
  })

  test('that fails again is a letter of the same position, and is not redriven by the same call', async () => {
    const positions = await bury(events(250))
    const consumer = await log.join({ stream, group: GROUP, consumer: 'c-2' })
    let again = 0
    const back = async () => {
      const claims = await consumer.claim(100, 1, forEver)
      const letter = { error: 'AGAIN', reason: 'r' }
      await consumer.settle(
        claims.map((claim) => ({ kind: 'dead-letter', position: claim.position, attempts: 1, letter })),
      )
      again += claims.length
    }
    const stop = new AbortController()
    const failing = (async () => {
      while (!stop.signal.aborted) await back()
    })()
    try {
      const result = await letters.redrive(stream, { filter: {} }, { ...ada, ratePerSecond: 1_000 })
      expect(result).toMatchObject({ done: 250, complete: true })
      await until('the return', () => again === 250)
    } finally {
      stop.abort()
      await failing
    }
    await consumer.leave()
    const found = await all()
    expect(found.map(({ position, error }) => [position, error])).toEqual(
      positions.map((position) => [position, 'AGAIN']),
    )
  })

  test('takes the letters that are there when it begins, and none that come meanwhile', async () => {
    await bury([event(1)])
    const why = ['deadletter-stream', stream, 'deadletter-position', '1-1', 'deadletter-group', GROUP]
    const fill = `for i = 1, 600 do redis.call('XADD', KEYS[1], '*', 'a', 'b', unpack(ARGV)) end`
    await admin.send(['EVAL', fill, '1', deadLetterKey(stream), ...why])
    let come = 0
    const onProgress = () => void (come++, void xadd(deadLetterKey(stream), ['a', 'b', ...why]))
    const result = await letters.redrive(stream, { filter: {} }, { ...ada, ratePerSecond: 1e6, onProgress })
    expect(result).toMatchObject({ done: 601, complete: true })
    expect(await all()).toHaveLength(come)
  })

  test('by two at once redrives each letter once', async () => {
    await bury(events(300))
    const results = await Promise.all([
      letters.redrive(stream, { filter: {} }, { ...ada, ratePerSecond: 1e6 }),
      letters.redrive(stream, { filter: {} }, { ...ada, ratePerSecond: 1e6 }),
    ])
    expect(results[0]!.done + results[1]!.done).toBe(300)
    expect(new Set((await inlet()).map(({ copyOf }) => copyOf)).size).toBe(300)
    expect(await inlet()).toHaveLength(300)
  })

  test('repeated after a lost reply redrives nothing twice', async () => {
    await bury(events(3))
    const found = ids(await all())
    const proxy = await startFaultProxy({ port: server.port })
    const far = await openConnection({ url: proxy.url('redis'), commandTimeoutMs: 500 }, 'far')
    const remote = new RedisDeadLetters(far)
    // Both scripts are known to the server, so that one reply is that of the deed itself.
    await remote.redrive(stream, { ids: ['1-1'] }, ada)
    await remote.redrive(stream, { ids: [found[0]!] }, ada)
    let calls = 0
    const dropped = proxy.dropNextReply((command) => command.includes('EVALSHA') && ++calls === 2)
    const error = await failureOf(remote.redrive(stream, { ids: found.slice(1) }, ada))
    await dropped
    expect(error.code).toBe('REDIS_UNCERTAIN')
    await until('the connection', () => far.serverOf('').ready)
    expect(await remote.redrive(stream, { ids: found }, ada)).toMatchObject({ done: 0, missing: 3 })
    expect(await inlet()).toHaveLength(3)
    await far.close()
    await proxy.stop()
  })

  test('says per letter why it stays, and goes on with the others', async () => {
    await bury([event(1)], { group: 'gone' })
    await bury([event(2)])
    await xadd(deadLetterKey(stream), ['a', 'b'])
    await xadd(deadLetterKey(stream), [
      'deadletter-stream', stream, 'deadletter-position', '5-5', 'deadletter-group', GROUP,
    ]) // prettier-ignore
    const wide = ['deadletter-fields', JSON.stringify(Array(9_000).fill('x'))]
    await xadd(deadLetterKey(stream), [
      ...wide, 'deadletter-stream', stream, 'deadletter-position', '6-6', 'deadletter-group', GROUP,
    ]) // prettier-ignore
    await admin.send(['XGROUP', 'DESTROY', stream, 'gone'])
    const codes = ['unknown-group', 'not-a-letter', 'trimmed', 'too-wide']
    for (const dryRun of [true, false]) {
      const result = await letters.redrive(stream, { filter: {} }, { ...ada, dryRun })
      expect(result).toMatchObject({ done: 1, refused: 4, missing: 0, complete: true })
      expect(result.refusals.map(({ code }) => code).sort()).toEqual(codes.toSorted())
      expect(await inlet()).toHaveLength(dryRun ? 0 : 1)
    }
    const trimmed = (await all()).find(({ position }) => position === '5-5')!
    await letters.edit(stream, trimmed.id, { type: 'a', data: 1 }, ada)
    expect(await letters.redrive(stream, { ids: [trimmed.id] }, ada)).toMatchObject({ done: 1 })
  })

  test('keeps the bytes of an entry with very many fields', async () => {
    const wide = Array.from({ length: 3_200 }, (_, n) => [`f${n}`, Buffer.from([n % 256, 0, 0xff])]).flat()
    await bury([wide])
    expect(await letters.redrive(stream, { filter: {} }, ada)).toMatchObject({ done: 1 })
    const [copy] = await inlet()
    expect([...copy!.fields]).toEqual(
      Array.from({ length: 3_200 }, (_, n) => [`f${n}`, Buffer.from([n % 256, 0, 0xff]).toString('hex')]),
    )
  })

  test('keeps any bytes at all', async () => {
    const part = uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes))
    await assert(
      asyncProperty(part, part, async (name, value) => {
        stream = `letters:${streams++}`
        await bury([[name, value]])
        await letters.redrive(stream, { filter: {} }, ada)
        const digest = (key: string) =>
          admin.send([
            'EVAL',
            `local fields = redis.call('XRANGE', KEYS[1], '-', '+')[1][2]
            return { redis.sha1hex(fields[1]), redis.sha1hex(fields[2]) }`,
            '1',
            key,
          ])
        expect(await digest(inletKey(stream, GROUP))).toEqual(await digest(stream))
      }),
      { numRuns: 15 },
    )
  })

  test('ends at its limit, at its signal, and keeps its rate', async () => {
    await bury(events(60))
    const seen: DeadLetterProgress[] = []
    const limited = await letters.redrive(
      stream,
      { filter: {} },
      { ...ada, limit: 7, onProgress: (p) => seen.push(p) },
    )
    expect(limited).toMatchObject({ done: 7, complete: false })
    expect(seen.at(-1)).toEqual({ done: 7, refused: 0, missing: 0 })
    const start = performance.now()
    await letters.redrive(stream, { filter: {} }, { ...ada, limit: 10, ratePerSecond: 50 })
    expect(performance.now() - start).toBeGreaterThan(190)
    const stop = new AbortController()
    const options = { ...ada, ratePerSecond: 10, signal: stop.signal, onProgress: () => stop.abort() }
    expect(await letters.redrive(stream, { filter: {} }, options)).toMatchObject({ done: 1, complete: false })
    expect(await letters.redrive(stream, { filter: {} }, ada)).toMatchObject({ done: 42, complete: true })
  })

  test('of letters beyond a limit of time leaves them', async () => {
    await bury(events(2))
    const to = new Date(Date.now() - 60_000)
    expect(await letters.redrive(stream, { filter: { to } }, ada)).toMatchObject({ done: 0, complete: true })
    const from = new Date(Date.now() - 60_000)
    expect(await letters.redrive(stream, { filter: { from } }, ada)).toMatchObject({ done: 2 })
  })

  test('while the memory is full changes nothing', async () => {
    await bury(events(2))
    await admin.send(['CONFIG', 'SET', 'maxmemory', '1'])
    try {
      expect((await failureOf(letters.redrive(stream, { filter: {} }, ada))).message).toContain('OOM')
      expect(await all()).toHaveLength(2)
      expect(await letters.discard(stream, { filter: {} }, ada)).toMatchObject({ done: 2 })
    } finally {
      await admin.send(['CONFIG', 'SET', 'maxmemory', '0'])
    }
  })

  test('that fails in the middle of a step has written down what was done', async () => {
    await bury(events(5))
    const found = ids(await all())
    // Two more entries fit under the largest id there is.
    const last = '18446744073709551615-18446744073709551613'
    await admin.send(['XADD', inletKey(stream, GROUP), last, 'a', 'b'])
    expect((await failureOf(letters.redrive(stream, { filter: {} }, ada))).code).toBe('REDIS_REFUSED')
    expect(ids(await all())).toEqual(found.slice(2))
    expect((await actions.actions(stream)).records.map((record) => record.ids)).toEqual([found.slice(0, 2)])
  })

  test('into a key of another type changes nothing', async () => {
    await bury(events(2))
    await admin.send(['SET', inletKey(stream, GROUP), 'text'])
    expect((await failureOf(letters.redrive(stream, { filter: {} }, ada))).message).toContain('WRONGTYPE')
    expect(await all()).toHaveLength(2)
    expect((await actions.actions(stream)).records).toEqual([])
  })

  test('refuses options that make no sense', async () => {
    const redrive = (options: object, selection: object = { filter: {} }) =>
      failureOf(letters.redrive(stream, selection as never, { ...ada, ...options }))
    for (const options of [
      { ratePerSecond: 0 },
      { ratePerSecond: Number.NaN },
      { limit: 0 },
      { reason: 'x'.repeat(1_001) },
    ])
      expect((await redrive(options)).code).toBe('CONFIGURATION_INVALID')
    expect((await redrive({}, { ids: ['x'] })).code).toBe('CONFIGURATION_INVALID')
    expect((await redrive({ actor: 'a\nb' })).code).toBe('NAME_INVALID')
  })
})

describe('discard', () => {
  test('deletes letters and their edits, once, and says who did', async () => {
    await bury(events(3))
    const [first, second] = await all()
    await letters.edit(stream, first!.id, { type: 'x' }, ada)
    const selection = { ids: [first!.id, first!.id, second!.id, '1-1'] }
    const dry = await letters.discard(stream, selection, { ...ada, dryRun: true })
    expect(dry).toMatchObject({ done: 2, missing: 1 })
    expect(await all()).toHaveLength(3)
    expect(await letters.discard(stream, selection, ada)).toEqual(dry)
    expect(await all()).toHaveLength(1)
    expect(await admin.send(['EXISTS', editsKey(stream)])).toBe(0)
    expect(await inlet()).toEqual([])
    const [record] = (await actions.actions(stream)).records
    expect(record).toMatchObject({
      action: 'discard',
      ...ada,
      stream,
      group: GROUP,
      count: 2,
      ids: [first!.id, second!.id],
    })
  })
})

describe('the records of what was done', () => {
  test('are read in pages, newest first', async () => {
    await bury(events(5))
    const found = ids(await all())
    for (const id of found) await letters.discard(stream, { ids: [id] }, ada)
    const first = await actions.actions(stream, { limit: 3 })
    const second = await actions.actions(stream, { limit: 3, after: first.next! })
    expect(second.next).toBeUndefined()
    expect([...first.records, ...second.records].flatMap((record) => record.ids)).toEqual(found.toReversed())
    expect(new Set(first.records.map(({ run }) => run)).size).toBe(3)
    expect(await actions.actions('no-such-stream')).toEqual({ records: [] })
  })
})
