import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { checkEvent, schemaOf, stream, type DataIn, type DataOut, type NewEventOf } from './stream.ts'

const users = stream('user:events', {
  'user.created': z.object({ userId: z.string(), at: z.string().transform(Number) }),
  'user.deleted': z.object({ userId: z.string() }),
})
type Users = (typeof users)['schemas']

describe('stream', () => {
  test('declares a name and its types, which nobody changes later', () => {
    expect(users.name).toBe('user:events')
    expect(Object.keys(users.schemas)).toEqual(['user.created', 'user.deleted'])
    expect(Object.isFrozen(users)).toBe(true)
    expect(Object.isFrozen(users.schemas)).toBe(true)
  })

  test('is not changed by what was passed', () => {
    const schemas: Record<string, z.ZodType> = { a: z.string() }
    const declaration = stream('s', schemas)
    schemas['b'] = z.string()
    expect(Object.keys(declaration.schemas)).toEqual(['a'])
  })

  test('refuses names that harm', () => {
    expect(() => stream('a\nb', {})).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
    expect(() => stream('s', { 'a\nb': z.string() })).toThrow(
      expect.objectContaining({ code: 'NAME_INVALID' }),
    )
  })

  test.each([null, undefined, {}, () => true, { '~standard': {} }])(
    'refuses %o, which validates nothing',
    (it) => {
      const declare = () => stream('s', { a: it as never })
      expect(declare).toThrow(expect.objectContaining({ code: 'CONFIGURATION_INVALID' }))
      expect(declare).toThrow('"a" on "s"')
    },
  )

  test('types follow from the declaration: what goes in, and what comes out', () => {
    expectTypeOf<DataIn<Users, 'user.created'>>().toEqualTypeOf<{ userId: string; at: string }>()
    expectTypeOf<DataOut<Users, 'user.created'>>().toEqualTypeOf<{ userId: string; at: number }>()
    expectTypeOf<{ type: 'user.deleted'; data: { userId: string } }>().toExtend<NewEventOf<Users>>()
    expectTypeOf<{ type: 'user.deleted'; data: { userId: number } }>().not.toExtend<NewEventOf<Users>>()
    expectTypeOf<{ type: 'user.renamed'; data: { userId: string } }>().not.toExtend<NewEventOf<Users>>()
  })
})

describe('schemaOf', () => {
  test('answers what was declared, and nothing that objects have anyway', () => {
    expect(schemaOf(users, 'user.created')).toBe(users.schemas['user.created'])
    for (const type of ['user.renamed', 'constructor', '__proto__', 'toString']) {
      expect(schemaOf(users, type)).toBeUndefined()
    }
  })

  test('knows a type that is called __proto__ where it is declared', () => {
    const odd = stream('s', { ['__proto__']: z.string() })
    expect(schemaOf(odd, '__proto__')).toBeDefined()
  })
})

describe('checkEvent', () => {
  test('passes what fits, at once', () => {
    expect(checkEvent(users, { type: 'user.deleted', data: { userId: '1' } })).toBeUndefined()
  })

  test('refuses what does not, with the fields at fault', () => {
    const check = () => checkEvent(users, { type: 'user.deleted', data: { userId: 1 } })
    expect(check).toThrow(expect.objectContaining({ code: 'EVENT_INVALID' }))
    expect(check).toThrow(/^user\.deleted on "user:events" does not fit its schema: data\.userId: /)
  })

  test('refuses a type that was not declared, and says which are', () => {
    const check = (type: string) => () => checkEvent(users, { type, data: {} })
    expect(check('user.renamed')).toThrow('it declares: user.created, user.deleted')
    expect(check('constructor')).toThrow(expect.objectContaining({ code: 'EVENT_INVALID' }))
    expect(() => checkEvent(stream('s', {}), { type: 't', data: 1 })).toThrow('it declares: none')
  })

  test('waits for a schema that takes its time', async () => {
    const slow = stream('s', { t: z.string().refine(async (text) => text === 'fits') })
    await expect(checkEvent(slow, { type: 't', data: 'fits' })).resolves.toBeUndefined()
    await expect(checkEvent(slow, { type: 't', data: 'does not' })).rejects.toMatchObject({
      code: 'EVENT_INVALID',
    })
  })

  test('leaves the data as it is: what is written is what the schema takes', () => {
    const event = { type: 'user.created', data: { userId: '1', at: '5' } }
    checkEvent(users, event)
    expect(event.data.at).toBe('5')
  })
})
