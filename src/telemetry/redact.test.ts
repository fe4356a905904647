import { describe, expect, it } from 'vitest'
import { MillraceError } from '../core/errors.ts'
import { presentable } from './redact.ts'

const show = (fields: object, withStacks = false): unknown =>
  JSON.parse(JSON.stringify(presentable(fields, withStacks)))

describe('presentable', () => {
  it.each([
    'password',
    'dbPassword',
    'REDIS_PW',
    'passphrase',
    'clientSecret',
    'accessToken',
    'Authorization',
    'authorisation',
    'apiKey',
    'api_key',
    'x-api-key',
    'privateKey',
    'set-cookie',
    'EVENT_HUB_CONNECTION_STRING',
  ])('masks %s, however deep', (name) => {
    expect(show({ [name]: 'hunter2' })).toEqual({ [name]: '****' })
    expect(show({ a: [{ [name]: { b: 'hunter2' } }] })).toEqual({ a: [{ [name]: '****' }] })
  })

  it.each(['key', 'idempotencyKey', 'stream', 'pwm', 'keys', 'passed'])('shows %s', (name) => {
    expect(show({ [name]: 'x' })).toEqual({ [name]: 'x' })
  })

  it('shows errors as message and code, with their causes, and with stacks when asked', () => {
    const cause = Object.assign(new Error('connect redis://a:hunter2@h'), { code: 'ECONNREFUSED' })
    const error = new MillraceError('REDIS_UNAVAILABLE', 'no Redis', { cause })
    const shown = { message: 'no Redis', code: 'REDIS_UNAVAILABLE' }
    const shownCause = { message: 'connect redis://a:****@h', code: 'ECONNREFUSED' }
    expect(show({ error })).toEqual({ error: { ...shown, cause: shownCause } })
    expect(show(error)).toEqual(show({ error }))
    expect(show({ error }, true)).toMatchObject({
      error: { stack: expect.stringContaining('redact.test.ts') },
    })
    expect(JSON.stringify(show({ error }, true))).not.toContain('hunter2')
  })

  it('finds words for an error that has none', () => {
    const error = new AggregateError([new Error('refused ::1'), 'refused 127.0.0.1'])
    expect(show({ error, other: new TypeError() })).toEqual({
      error: { message: 'refused ::1; refused 127.0.0.1' },
      other: { message: 'TypeError' },
    })
  })

  it('shows what JSON has no word for', () => {
    const fields = {
      big: 2n ** 70n,
      at: new Date(0),
      map: new Map([['token', 'x']]),
      set: new Set([1]),
      bytes: Buffer.from('abc'),
      nothing: undefined,
    }
    expect(show(fields)).toEqual({
      big: '1180591620717411303424',
      at: '1970-01-01T00:00:00.000Z',
      map: { token: '****' },
      set: [1],
      bytes: '3 bytes',
    })
  })

  it('never throws: circles end, getters that throw are survived, __proto__ is a field', () => {
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    expect(JSON.stringify(show(circle))).toContain('…')
    const broken = {
      get field() {
        throw new Error('no')
      },
    }
    expect(show(broken)).toEqual({ fields: 'cannot be shown' })
    expect(JSON.stringify(presentable(JSON.parse('{"__proto__":{"a":1}}'), false))).toBe(
      '{"__proto__":{"a":1}}',
    )
  })
})
