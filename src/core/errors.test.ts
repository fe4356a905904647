import { describe, expect, test } from 'vitest'
import { Reject, RetryLater } from './delivery.ts'
import {
  collectIssues,
  errorName,
  InvalidError,
  MillraceError,
  PublishError,
  toError,
  type Issue,
} from './errors.ts'

describe('errors', () => {
  test('have a code, their name, and what lies under them', () => {
    const cause = new Error('socket closed')
    const error = new MillraceError('REDIS_UNAVAILABLE', 'no connection', { cause })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'MillraceError',
      code: 'REDIS_UNAVAILABLE',
      message: 'no connection',
      cause,
    })
  })

  test('InvalidError lists every field at fault in its message', () => {
    const issues = [
      { path: 'data.email', message: 'is no address' },
      { path: '', message: 'has too many fields' },
    ]
    const error = new InvalidError('EVENT_INVALID', 'user.created does not fit', issues)
    expect(error.message).toBe('user.created does not fit: data.email: is no address; has too many fields')
    expect(error).toMatchObject({ name: 'InvalidError', issues })
    expect(error).toBeInstanceOf(MillraceError)
  })

  test('InvalidError without fields is the message alone', () => {
    expect(new InvalidError('EVENT_INVALID', 'nothing fits')).toMatchObject({
      message: 'nothing fits',
      issues: [],
    })
  })

  test('PublishError says how many failed, why the first did, and what became of each', () => {
    const failure = new MillraceError('IDEMPOTENCY_CONFLICT', 'the key was used')
    const results = ['1-0', failure, '1-1', new MillraceError('EVENT_TOO_LARGE', 'too large')]
    const error = new PublishError(results)
    expect(error).toMatchObject({ name: 'PublishError', code: 'PUBLISH_FAILED', cause: failure, results })
    expect(error.message).toBe('2 of 4 events were not published: the key was used')
  })

  test('those of handlers are told from the others by class', () => {
    const cause = new Error('why')
    expect(new RetryLater(500)).toMatchObject({ name: 'RetryLater', delayMs: 500 })
    expect(new RetryLater(500, 'busy').message).toBe('busy')
    expect(new Reject('no such user', { cause })).toMatchObject({
      name: 'Reject',
      message: 'no such user',
      cause,
    })
  })
})

describe('collectIssues', () => {
  const earlier = { path: 'a', message: 'is wrong' }
  const refuse = (error: unknown) => () => {
    throw error
  }

  test('answers what is read, and adds nothing', () => {
    const issues: Issue[] = [earlier]
    expect(collectIssues(issues, () => 7)).toBe(7)
    expect(issues).toEqual([earlier])
  })

  test.each<[string, unknown, Issue[]]>([
    [
      'each of several mistakes',
      new InvalidError('EVENT_INVALID', 'no', [earlier, earlier]),
      [earlier, earlier],
    ],
    ['a mistake without fields', new InvalidError('EVENT_INVALID', 'no'), [{ path: 'here', message: 'no' }]],
    ['any other error', new MillraceError('NAME_INVALID', 'no'), [{ path: 'here', message: 'no' }]],
    ['what is no error', 'no', [{ path: 'here', message: 'no' }]],
  ])('adds %s', (_, error, added) => {
    const issues: Issue[] = [earlier]
    expect(collectIssues(issues, refuse(error), 'here')).toBeUndefined()
    expect(issues).toEqual([earlier, ...added])
  })
})

test.each([
  [new MillraceError('CLOSED', 'no'), 'CLOSED'],
  [new RangeError('no'), 'RangeError'],
  [Object.assign(new Error('no'), { code: 7 }), 'Error'],
])('errorName of %s is its code, else its class', (error, name) => {
  expect(errorName(error)).toBe(name)
})

describe('toError', () => {
  test('leaves errors alone', () => {
    const error = new RangeError('r')
    expect(toError(error)).toBe(error)
  })

  const circular: { self?: unknown } = {}
  circular.self = circular

  test.each([
    ['a text', 'a text'],
    [undefined, 'thrown: undefined'],
    [null, 'thrown: null'],
    [{ code: 1 }, 'thrown: {"code":1}'],
    [Symbol('s'), 'thrown: Symbol(s)'],
    [circular, 'thrown: a value that cannot be shown'],
    [1n, 'thrown: a value that cannot be shown'],
  ])('makes one of %o', (thrown, message) => {
    expect(toError(thrown)).toBeInstanceOf(Error)
    expect(toError(thrown).message).toBe(message)
  })
})
