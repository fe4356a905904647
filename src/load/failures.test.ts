import { expect, it } from 'vitest'
import { Failures } from './failures.ts'
import { RequestFailure, toFailure } from './target.ts'

it('counts failures by kind and code, with what the first of them said', () => {
  const failures = new Failures()
  for (let n = 0; n < 3; n++) failures.add(new RequestFailure('status', `answered 503: ${n}`, '503'))
  failures.add(new RequestFailure('timeout', 'no answer within 5 ms'))
  expect(failures.count).toBe(4)
  expect(failures.groups).toEqual([
    { kind: 'status', code: '503', count: 3, sample: 'answered 503: 0' },
    { kind: 'timeout', code: null, count: 1, sample: 'no answer within 5 ms' },
  ])
})

it('keeps few kinds and short samples without secrets, whatever a target says', () => {
  const failures = new Failures()
  failures.add(new RequestFailure('other', `redis://u:hunter2@h ${'x'.repeat(10_000)}`, 'first'))
  for (let n = 0; n < 1_000; n++) failures.add(new RequestFailure('other', 'made up', `code ${n}`))
  const { groups } = failures
  expect(groups).toHaveLength(101)
  expect(groups[0]).toMatchObject({ code: 'various', count: 901 })
  const { sample } = groups.find(({ code }) => code === 'first')!
  expect(sample).toHaveLength(300)
  expect(sample).not.toContain('hunter2')
})

it.each([
  ['ECONNREFUSED', 'refused'],
  ['ECONNRESET', 'reset'],
  ['ENOTFOUND', 'unreachable'],
  ['REDIS_UNAVAILABLE', 'unreachable'],
  ['PUBLISH_UNCERTAIN', 'other'],
])('%s is %s', (code, kind) => {
  expect(toFailure(Object.assign(new Error(''), { code }))).toMatchObject({ kind, code, message: code })
})
