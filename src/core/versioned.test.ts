import { describe, expect, expectTypeOf, test, vi } from 'vitest'
import { z } from 'zod'
import { failureOf } from '../../test/support/until.ts'
import type { Event } from './event.ts'
import type { Schema } from './schema.ts'
import { checkEvent, stream, withVersion, type DataIn, type DataOut } from './stream.ts'
import { newestVersion, readData, versioned } from './versioned.ts'

const v1 = z.object({ name: z.string() })
const v2 = z.object({ first: z.string(), last: z.string().default('?') })
const v3 = z.object({ given: z.string(), family: z.string(), since: z.string().transform(Number) })

const person = versioned(
  { 1: v1, 2: v2, 3: v3 },
  {
    1: ({ name }) => ({ first: name }),
    2: async ({ first, last }) => ({ given: first, family: last, since: '1' }),
  },
)
const people = stream('people', { person, plain: z.string() })
type People = (typeof people)['schemas']

const event = (data: unknown, dataversion?: string, type = 'person'): Event => ({
  id: '1-1',
  type,
  time: '',
  data,
  headers: dataversion === undefined ? {} : { dataversion },
})
const read =
  (schema: Schema, ...args: Parameters<typeof event>) =>
  async () =>
    readData(schema, event(...args), 1)

test('types: what is published is the newest input, what is consumed its output, and upcasters lead from one to the next', () => {
  expectTypeOf<DataIn<People, 'person'>>().toEqualTypeOf<{ given: string; family: string; since: string }>()
  expectTypeOf<DataOut<People, 'person'>>().toEqualTypeOf<{ given: string; family: string; since: number }>()
  versioned(
    { 1: v1, 2: v2 },
    {
      1: (old) => {
        expectTypeOf(old).toEqualTypeOf<{ name: string }>()
        return { first: old.name }
      },
    },
  )
  // @ts-expect-error -- not what the next version takes
  versioned({ 1: v1, 2: v2 }, { 1: ({ name }) => ({ second: name }) })
})

describe('what is published', () => {
  const data = { given: 'Ada', family: 'L', since: '1' }

  test('is checked against the newest version, and says so', () => {
    expect(checkEvent(people, { type: 'person', data })).toBeUndefined()
    expect(withVersion(people, { type: 'person', data, key: 'k', headers: { a: 'b' } })).toEqual({
      type: 'person',
      data,
      key: 'k',
      headers: { a: 'b', dataversion: '3' },
    })
    expect(() => checkEvent(people, { type: 'person', data: { name: 'Ada' } })).toThrow('data.given')
  })

  test('says nothing of a version where it is the first, as before there were versions', () => {
    const written = { type: 'plain', data: 'x' }
    expect(withVersion(people, written)).toBe(written)
    const only = stream('s', { t: versioned({ 1: z.string() }, {}) })
    const first = { type: 't', data: 'x' }
    expect(withVersion(only, first)).toBe(first)
  })

  test.each([
    ['person', data, '2'],
    ['person', data, '4'],
    ['plain', 'x', '2'],
  ])('is refused where it is %s %o and says that it is of version %s', (type, some, dataversion) => {
    const check = () => checkEvent(people, { type, data: some, headers: { dataversion } })
    expect(check).toThrow(expect.objectContaining({ code: 'EVENT_INVALID' }))
    expect(check).toThrow('leave it out')
  })

  test('may say its version itself', () => {
    expect(checkEvent(people, { type: 'person', data, headers: { dataversion: '3' } })).toBeUndefined()
    expect(checkEvent(people, { type: 'plain', data: 'x', headers: { dataversion: '1' } })).toBeUndefined()
  })
})

describe('what is consumed', () => {
  test('is brought from its version to the newest, each step checked', async () => {
    const newest = { given: 'Ada', family: '?', since: 1 }
    expect(await read(person, { name: 'Ada' })()).toEqual(newest)
    expect(await read(person, { name: 'Ada' }, '1')()).toEqual(newest)
    expect(await read(person, { first: 'Ada' }, '2')()).toEqual(newest)
    expect(readData(person, event({ given: 'Ada', family: '?', since: '1' }, '3'), 1)).toEqual(newest)
  })

  test('is a dead letter where it does not fit its own version', async () => {
    const failure = await failureOf(read(person, { first: 'Ada' }))
    expect(failure).toMatchObject({ code: 'EVENT_INVALID' })
    expect(failure.message).toMatch(/^version 1 of person does not fit its schema: data\.name: /)
  })

  test.each([['nothing'], ['0'], ['-1'], ['1.5'], ['01'], ['1e3'], [''], ['9999999999'], ['２']])(
    'is a dead letter where the version is %j',
    async (version) => {
      for (const schema of [person, z.string()]) {
        const failure = await failureOf(read(schema, {}, version))
        expect(failure).toMatchObject({
          code: 'EVENT_INVALID',
          message: expect.stringContaining('which is no version'),
        })
      }
    },
  )

  test('waits where its version is newer than any that is known, of a plain schema as well', async () => {
    for (const [schema, newest] of [
      [person, 3],
      [z.string(), 1],
    ] as const) {
      const failure = await failureOf(read(schema, {}, '4'))
      expect(failure).toMatchObject({ name: 'NotYet', code: 'VERSION_UNKNOWN', delayMs: 30_000 })
      expect(failure.message).toContain(
        `person is of version 4, and the newest that is known here is ${newest}`,
      )
    }
  })

  test('is a dead letter where it is older than the oldest that is declared', async () => {
    const later = versioned({ 2: v2, 3: v3 }, { 2: () => ({ given: '', family: '', since: '' }) })
    expect(newestVersion(later)).toBe(3)
    for (const version of [undefined, '1'])
      expect(await failureOf(read(later, { name: 'Ada' }, version))).toMatchObject({
        code: 'EVENT_INVALID',
        message: 'person is of version 1, and the oldest that is declared is 2; declare it with an upcaster',
      })
  })

  test.each([
    [
      'throws',
      () => {
        throw new TypeError('no name')
      },
      'the upcaster of person from version 1 to 2 failed: no name',
    ],
    [
      'throws nothing',
      () => {
        throw undefined
      },
      'the upcaster of person from version 1 to 2 failed: thrown: undefined',
    ],
    [
      'rejects',
      () => Promise.reject(new Error('gone')),
      'the upcaster of person from version 1 to 2 failed: gone',
    ],
    [
      'answers what does not fit',
      () => ({ first: 7 }),
      'person, brought from version 1 to 2, does not fit its schema: data.first',
    ],
    ['answers nothing', () => undefined, 'person, brought from version 1 to 2, does not fit its schema'],
  ])('is a dead letter where an upcaster %s', async (_what, upcaster, message) => {
    const broken = versioned({ 1: v1, 2: v2 }, { 1: upcaster as never })
    const failure = await failureOf(read(broken, { name: 'Ada' }))
    expect(failure).toMatchObject({ code: 'EVENT_INVALID' })
    expect(failure.message).toContain(message)
  })

  test('is a dead letter at once where a schema throws, old or new, and its upcaster is not asked', async () => {
    const throwing: Schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw new Error('broken schema')
        },
      },
    }
    const upcaster = vi.fn()
    const failure = await failureOf(read(versioned({ 1: throwing, 2: v2 }, { 1: upcaster }), {}))
    expect(failure).toMatchObject({
      code: 'EVENT_INVALID',
      message: expect.stringContaining('broken schema'),
    })
    expect(upcaster).not.toHaveBeenCalled()
  })
})

test('a declaration lists every gap, every upcaster that is missing or too many, and what is no schema', async () => {
  const declare = (schemas: object, upcasters: object) => () =>
    versioned(schemas as never, upcasters as never)
  const failure = await failureOf(declare({ 1: v1, 3: v3, 4: {} }, { 1: () => {}, 4: () => {}, x: () => {} }))
  expect(failure).toMatchObject({
    code: 'CONFIGURATION_INVALID',
    issues: [
      { path: 'schemas.4' },
      { path: 'schemas.2', message: 'is missing between 1 and 3' },
      { path: 'upcasters.3', message: 'must be a function to version 4' },
      { path: 'upcasters.4' },
      { path: 'upcasters.x' },
    ],
  })
  for (const schemas of [{}, { 0: v1 }, { 1.5: v1 }, { a: v1 }, { 1: undefined }])
    expect(declare(schemas, {})).toThrow(expect.objectContaining({ code: 'CONFIGURATION_INVALID' }))
  expect(declare({ 1: v1, 1e21: v1 }, {})).toThrow(expect.objectContaining({ code: 'CONFIGURATION_INVALID' }))
  expect(declare({ 1: v1, 999999999: v1 }, { 1: () => {} })).toThrow('is missing between 1 and 999999999')
})
