import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { failureOf } from '../../test/support/until.ts'
import { decodeEntry } from '../core/codec.ts'
import { MillraceError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import type { PublishMiddleware } from '../core/pipeline.ts'
import { FIRST_POSITION } from '../core/position.ts'
import { stream } from '../core/stream.ts'
import { versioned } from '../core/versioned.ts'
import { MemoryStreamLog } from '../testing/memory-log.ts'
import { Publisher } from './publisher.ts'

const numbers = stream('numbers', {
  number: z.number(),
  text: versioned({ 1: z.number(), 2: z.string() }, { 1: String }),
})

const double: PublishMiddleware = (event) => ({ ...event, data: Number(event.data) * 2 })
const odd: PublishMiddleware = async ({ data }) =>
  Number(data) % 2 === 1 ? { type: 'number', data } : undefined
const repeat: PublishMiddleware = (event) => Array.from({ length: Number(event.data) }, () => event)

/** A publisher on a log of its own, and what stands in it. */
function open(...middleware: PublishMiddleware[]) {
  const log = new MemoryStreamLog()
  const publisher = new Publisher(log, { middleware })
  const publish = (...events: NewEvent[]) => publisher.publish(numbers, events)
  const written = async () => {
    const entries = await log.read('numbers', FIRST_POSITION, 1_000).catch(() => [])
    return entries.map((entry) => ({ position: entry.position, event: decodeEntry('numbers', entry) }))
  }
  return { log, publisher, publish, written }
}

const number = (data: unknown, more: Partial<NewEvent> = {}): NewEvent => ({ type: 'number', data, ...more })

describe('events go through publish middleware', () => {
  test('in its order, one after the other', async () => {
    const { publish, written } = open(odd, double, (event) => ({ ...event, data: Number(event.data) + 1 }))
    await publish(number(1), number(2), number(3))
    expect((await written()).map(({ event }) => event.data)).toEqual([3, 7])
  })

  test('and get one result each, in the order given, whatever became of them', async () => {
    const { publish, written } = open(repeat)
    const results = await publish(number(1), number(0), number(3), number(2))
    const at = (await written()).map(({ position }) => position)
    expect(at).toHaveLength(6)
    expect(results).toEqual([at[0], expect.any(MillraceError), at[3], at[5]])
    expect(results[1]).toMatchObject({
      code: 'EVENT_FILTERED',
      message: expect.stringContaining('nothing was written'),
    })
    expect(await publish()).toEqual([])
  })

  test('and results stay aligned, whatever is filtered and split', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { maxLength: 8 }), async (counts) => {
        const { publish, written } = open(repeat)
        const results = await publish(...counts.map((count) => number(count)))
        const at = (await written()).map(({ position }) => position)
        let end = 0
        expect(results.map((result) => (typeof result === 'string' ? result : result.code))).toEqual(
          counts.map((count) => (count === 0 ? 'EVENT_FILTERED' : at[(end += count) - 1])),
        )
      }),
      { numRuns: 50 },
    )
  })

  test('and nothing is written when one of them throws', async () => {
    const thrown = new Error('no')
    const { publish, written } = open((event) => {
      if (event.data === 2) throw thrown
      return event
    })
    expect(await failureOf(publish(number(1), number(2)))).toBe(thrown)
    expect(await written()).toEqual([])
  })
})

describe('what comes out is checked', () => {
  test('against the declaration, and not what went in', async () => {
    const { publish, written } = open(double)
    await publish(number('4'))
    expect((await written()).map(({ event }) => event.data)).toEqual([8])
    expect(await failureOf(publish(number(1), number('x')))).toMatchObject({ code: 'EVENT_INVALID' })
    expect(await written()).toHaveLength(1)
  })

  test('with its type, and gets the version of that', async () => {
    const { publish, written } = open(({ data }) => [
      { type: 'text', data: String(data) },
      { type: 'number', data },
    ])
    await publish(number(1))
    expect((await written()).map(({ event }) => [event.type, { ...event.headers }])).toEqual([
      ['text', { dataversion: '2' }],
      ['number', {}],
    ])
    const renamed = open((event) => ({ ...event, type: 'nothing' }))
    expect(await failureOf(renamed.publish(number(1)))).toMatchObject({
      code: 'EVENT_INVALID',
      message: expect.stringContaining('declares no type "nothing"'),
    })
  })

  test.each([[null], ['event'], [5], [[undefined]], [[{}]], [{ data: 1 }]])(
    'and %j is no event',
    async (answer) => {
      const { publish, publisher, written } = open(() => answer as never)
      expect(await failureOf(publish(number(1)))).toMatchObject({ code: 'EVENT_INVALID' })
      expect(await failureOf(async () => publisher.prepareEntries(numbers, number(1)))).toMatchObject({
        code: 'EVENT_INVALID',
      })
      expect(await written()).toEqual([])
    },
  )

  test('save what a middleware sealed, of which it is what was sealed', async () => {
    const seal: PublishMiddleware = (event, context) =>
      context.seal(event, async (checked) => ({ ...checked, data: `sealed ${String(checked.data)}` }))
    const { publish, written } = open(seal)
    await publish(number(1), { type: 'text', data: 'x' })
    expect((await written()).map(({ event }) => [event.data, event.headers['dataversion']])).toEqual([
      ['sealed 1', undefined],
      ['sealed x', '2'],
    ])
    expect(await failureOf(publish(number('x')))).toMatchObject({ code: 'EVENT_INVALID' })
    const changedAfter = open(seal, (event) => ({ ...event, key: 'k' }))
    expect(await failureOf(changedAfter.publish(number(1)))).toMatchObject({ code: 'EVENT_INVALID' })
  })

  test('and answered by `prepare`, which writes nothing, with middleware or without', async () => {
    const text = { type: 'text', data: 'x' }
    const versions = async ({ publisher }: ReturnType<typeof open>) =>
      (await publisher.prepare(numbers, [text, number(1)])).map(({ headers }) => headers?.['dataversion'])
    const [plain, twice] = [open(), open((event) => [event, event])]
    expect(await versions(plain)).toEqual(['2', undefined])
    expect(await versions(twice)).toEqual(['2', '2', undefined, undefined])
    for (const one of [plain, twice]) {
      expect(await failureOf(one.publisher.prepare(numbers, [number('x')]))).toMatchObject({
        code: 'EVENT_INVALID',
      })
      expect(await one.written()).toEqual([])
    }
  })

  test('and by `entryOf`, which answers one entry or says why there is none', async () => {
    const entryOf = ({ publisher }: ReturnType<typeof open>, event: NewEvent) =>
      publisher.entryOf(numbers, event)
    const text = { type: 'text', data: 'x', idempotencyKey: 'k' }
    const fields = ['type', 'text', 'data', '"x"', 'dataversion', '2']
    expect(await entryOf(open(), text)).toEqual({ fields, idempotencyKey: 'k' })
    expect((await entryOf(open(double), number(2))).fields).toEqual(['type', 'number', 'data', '4'])
    expect(await failureOf(entryOf(open(repeat), number(0)))).toMatchObject({ code: 'EVENT_FILTERED' })
    const split = await failureOf(entryOf(open(repeat), number(3)))
    expect(split).toMatchObject({ code: 'EVENT_INVALID' })
    expect(split.message).toContain('middleware made 3 events of one')
    expect(await failureOf(entryOf(open(), number('x')))).toMatchObject({ code: 'EVENT_INVALID' })
  })

  test('and by whoever prepares, and writes later or not at all', async () => {
    const { publisher, written } = open(repeat)
    const prepared = [3, 0, 1].map((n) => publisher.prepareEntries(numbers, number(n)))
    expect(await written()).toEqual([])
    const results = await publisher.write(numbers.name, await Promise.all(prepared))
    expect(results).toEqual([
      expect.any(String),
      expect.objectContaining({ code: 'EVENT_FILTERED' }),
      expect.any(String),
    ])
    expect((await written()).map(({ event }) => event.data)).toEqual([3, 3, 3, 1])
  })
})

describe('parts of one event', () => {
  test('have ids and idempotency keys of their own, the same each time', async () => {
    const { publish, written } = open(repeat)
    const event = number(3, { id: 'e', idempotencyKey: 'k' })
    const [first] = await publish(event)
    expect(await publish(event)).toEqual([first])
    expect((await written()).map(({ event: { id } }) => id)).toEqual(['e', 'e/2', 'e/3'])
  })

  test('also where parts are split again', async () => {
    const { publish, written } = open(
      (event) => [event, event],
      (event) => [event, event],
    )
    await publish(number(1, { id: 'e' }))
    const ids = (await written()).map(({ event: { id } }) => id)
    expect([ids.length, new Set(ids).size, ids[0]]).toEqual([4, 4, 'e'])
  })

  test('that are not all written make the event fail, saying how many', async () => {
    const clash = open(({ data }) => [number(data), number(data, { idempotencyKey: 'taken' })])
    await clash.publish(number(1))
    const [result] = await clash.publish(number(2))
    expect(result).toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      message: expect.stringMatching(/^1 of the 2 parts of the event were not published: /),
    })
    expect((await clash.written()).map(({ event }) => event.data)).toEqual([1, 1, 2])
  })
})

test('middleware that is no function is refused when the publisher is made', () => {
  expect(() => open(double, 'redact' as never)).toThrow(
    expect.objectContaining({
      code: 'CONFIGURATION_INVALID',
      issues: [{ path: 'middleware.1', message: 'must be a function, not string' }],
    }),
  )
})
