import { describe, expect, test } from 'vitest'
import { failureOf } from '../../test/support/until.ts'
import type { InvalidError } from './errors.ts'
import { resolveRetention, type RetentionDeclaration, type RetentionPolicy } from './retention-policy.ts'

const issuesOf = async (declaration: unknown) => {
  const error = (await failureOf(() => resolveRetention(declaration as RetentionDeclaration))) as InvalidError
  expect(error.code).toBe('CONFIGURATION_INVALID')
  return error.issues.map(({ path }) => path)
}

describe('a retention that is declared', () => {
  test('keeps everything when it says nothing', () => {
    expect(resolveRetention({ stream: 's', policy: {} })).toEqual({
      stream: 's',
      policy: { abandonedAction: 'alarm' },
      groups: [],
    })
  })

  test.each<[RetentionPolicy['processed'], number | undefined]>([
    [undefined, undefined],
    [true, 0],
    [{}, 0],
    [{ keepMs: 5 }, 5],
  ])('processed: %j keeps for %s ms', (processed, keepMs) => {
    expect(resolveRetention({ stream: 's', policy: { ...(processed && { processed }) } }).policy.keepMs).toBe(
      keepMs,
    )
  })

  test('a group begins at 0 unless it says otherwise, and positions lose their leading zeros', () => {
    const groups = [{ name: 'a' }, { name: 'b', start: '$' }, { name: 'c', start: '007-00' }]
    expect(resolveRetention({ stream: 's', policy: {}, groups }).groups).toEqual([
      { name: 'a', start: '0' },
      { name: 'b', start: '$' },
      { name: 'c', start: '7-0' },
    ])
  })

  test('lists every mistake at once', async () => {
    const policy = {
      maxLength: -1,
      maxAgeMs: 0,
      processed: { keepMs: Number.NaN },
      hardMaxLength: 1.5,
      abandonedAfterMs: 10,
      abandonedAction: 'destroy',
      maxlength: 7,
    }
    expect(await issuesOf({ stream: '', policy, groups: [{ name: '\n', start: 'now' }] })).toEqual([
      'stream',
      'policy.maxLength',
      'policy.maxAgeMs',
      'policy.hardMaxLength',
      'policy.abandonedAfterMs',
      'policy.processed.keepMs',
      'policy.abandonedAction',
      'policy.maxlength',
      'groups.0.name',
      'groups.0.start',
    ])
  })

  test.each([
    [{ maxLength: 10, hardMaxLength: 9 }, 'policy.hardMaxLength'],
    [{ abandonedAction: 'expire' }, 'policy.abandonedAfterMs'],
    [{ maxLength: '10' }, 'policy.maxLength'],
    [{ maxAgeMs: Infinity }, 'policy.maxAgeMs'],
    [{ processed: 'yes' }, 'policy.processed'],
    [{ processed: null }, 'policy.processed'],
    [null, 'policy'],
  ])('refuses %j', async (policy, path) => {
    expect(await issuesOf({ stream: 's', policy })).toEqual([path])
  })

  test.each(['18446744073709551616-0', '0-18446744073709551616', '1', 5])(
    'refuses the start %s',
    async (start) => {
      expect(await issuesOf({ stream: 's', policy: {}, groups: [{ name: 'g', start }] })).toEqual([
        'groups.0.start',
      ])
    },
  )
})
