import { once } from 'node:events'
import { expect, test } from 'vitest'
import { collectGarbage } from '../../test/support/collect-garbage.ts'
import { limited } from './limited.ts'

test('is aborted when the time is over, whatever garbage was collected meanwhile', async () => {
  const signal = limited(new AbortController().signal, 100)
  const aborted = once(signal, 'abort')
  collectGarbage()
  await aborted
  expect(signal.reason).toMatchObject({ name: 'TimeoutError', message: 'not done within 100 ms' })
})

test('is aborted with the other one, for its reason', () => {
  const other = new AbortController()
  const signal = limited(other.signal, 60_000)
  other.abort('enough')
  expect(signal.reason).toBe('enough')
})
