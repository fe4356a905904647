import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { InvalidError } from './errors.ts'
import { validate, type Schema } from './schema.ts'

const user = z.object({
  name: z.string().trim(),
  address: z.object({ zips: z.array(z.number()) }).optional(),
})

/** A validator of Standard Schema that does what the test wants. */
const schemaOf = (check: Schema['~standard']['validate']): Schema => ({
  '~standard': { version: 1, vendor: 'test', validate: check },
})

const failure = (run: () => unknown): InvalidError => {
  try {
    run()
  } catch (error) {
    if (error instanceof InvalidError) return error
    throw error
  }
  throw new Error('it was expected to fail')
}

describe('validate', () => {
  test('answers what the schema makes of the value, at once', () => {
    expect(validate(user, { name: ' Ada ', extra: 1 }, 'user')).toEqual({ name: 'Ada' })
  })

  test('lists every field at fault by its path', () => {
    const error = failure(() => validate(user, { name: 1, address: { zips: [1, 'x'] } }, 'user'))
    expect(error.code).toBe('EVENT_INVALID')
    expect(error.issues.map(({ path }) => path)).toEqual(['data.name', 'data.address.zips.1'])
    expect(error.message).toMatch(/^user does not fit its schema: data\.name: .+; data\.address\.zips\.1: .+/)
  })

  test('names the value as a whole where no field is at fault', () => {
    expect(failure(() => validate(user, null, 'user')).issues).toMatchObject([{ path: 'data' }])
  })

  test('reads paths of any validator: keys, symbols and segments', () => {
    const path = ['a', 0, Symbol('s'), { key: 'b' }]
    const schema = schemaOf(() => ({ issues: [{ message: 'is wrong', path }] }))
    expect(failure(() => validate(schema, 1, 'it')).issues).toEqual([
      { path: 'data.a.0.Symbol(s).b', message: 'is wrong' },
    ])
  })

  test('waits for a schema that takes its time', async () => {
    const known = z.string().refine(async (name) => name === 'Ada', 'is not known')
    await expect(validate(known, 'Ada', 'user')).resolves.toBe('Ada')
    const unknown = validate(known, 'Bob', 'user') as Promise<unknown>
    await expect(unknown).rejects.toMatchObject({
      code: 'EVENT_INVALID',
      issues: [{ path: 'data', message: 'is not known' }],
    })
  })

  test('reports a schema that throws, at once or later, with the cause', async () => {
    const cause = new TypeError('no such table')
    const throwing = schemaOf(() => {
      throw cause
    })
    const error = failure(() => validate(throwing, 1, 'user'))
    expect(error).toMatchObject({ code: 'EVENT_INVALID', cause, issues: [] })
    expect(error.message).toBe('the schema of user failed: no such table')
    const rejecting = validate(
      schemaOf(() => Promise.reject(cause)),
      1,
      'user',
    ) as Promise<unknown>
    await expect(rejecting).rejects.toMatchObject({ code: 'EVENT_INVALID', cause })
  })
})
