import { describe, expect, it } from 'vitest'
import { decodeEntry } from '../core/codec.ts'
import { MillraceError } from '../core/errors.ts'
import { presentable } from './redact.ts'

const show = (fields: object, withStacks = false): unknown =>
  JSON.parse(JSON.stringify(presentable(fields, withStacks)))

function failureOfParsing(text: string): Error {
  try {
    JSON.parse(text)
  } catch (error) {
    return error as Error
  }
  throw new Error('it was JSON')
}

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

  it('shows events, entries and requests to publish without what they carry', () => {
    const event = { id: '1-1', type: 'user.created', data: { email: 'canary' } }
    const entry = { position: '1-1', fields: ['type', 'user.created', 'data', 'canary'] }
    const shown = show({ event, entry, body: { eventType: 't', payload: 'canary' }, list: [event] })
    expect(JSON.stringify(shown)).not.toContain('canary')
    expect(shown).toMatchObject({ event: { id: '1-1', type: 'user.created' }, entry: { position: '1-1' } })
    const decoded = decodeEntry('s', { ...entry, fields: ['type', 't', 'data', '"canary"'] })
    expect(show({ event: decoded })).toEqual({
      event: { id: '1-1', type: 't', time: '1970-01-01T00:00:00.001Z', data: '…', headers: {} },
    })
  })

  it('shows nothing of the text that JSON.parse stumbled upon', () => {
    for (const text of ['canary', '{"a": canary, "b": 1, "long": "enough to be cut"}', '"\n canary']) {
      const error = failureOfParsing(text)
      expect(JSON.stringify(show({ error, reason: `it failed: ${error.message}` }, true))).not.toContain(
        'canar',
      )
    }
  })

  it.each([
    ['invalid input syntax for type uuid: "canary"', 'invalid input syntax for type uuid: "****"'],
    ['invalid input value for enum mood: "ca"na"ry"', 'invalid input value for enum mood: "****"'],
    ['date/time field value out of range: "canary"', 'date/time field value out of range: "****"'],
    ['value "canary" is out of range for type integer', 'value "****" is out of range for type integer'],
    ['data.email: Invalid email', 'data.email: Invalid email'],
  ])('shows %s', (reason, shown) => expect(show({ reason })).toEqual({ reason: shown }))

  it('gets through texts that a careless pattern would choke on', () => {
    const text =
      'value "invalid: "'.repeat(50_000) + 'out of range ..."x'.repeat(50_000) + 'is not valid JSON'
    expect(JSON.stringify(show({ text })).length).toBeLessThan(200)
  })

  it('shows no values that PostgreSQL refused', () => {
    const refused = Object.assign(new Error('invalid input syntax for type uuid: "canary "x" y"'), {
      severity: 'ERROR',
      code: '22P02',
      detail: 'canary',
      where: 'canary',
      parameters: ['canary'],
    })
    const wrapped = new MillraceError('DATABASE_UNAVAILABLE', `PostgreSQL: ${refused.message}; see its log`, {
      cause: refused,
    })
    const shown = show({ error: wrapped }, true)
    expect(JSON.stringify(shown)).not.toContain('canary')
    expect(shown).toMatchObject({
      error: {
        message: 'PostgreSQL: invalid input syntax for type uuid: "****"; see its log',
        cause: { code: '22P02', message: 'invalid input syntax for type uuid: "****"' },
      },
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
