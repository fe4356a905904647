import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { pause } from './pause.ts'

const FOR_EVER_MS = 600_000

test('a pause takes its time, and leaves no listener behind', async () => {
  const { signal } = new AbortController()
  const start = performance.now()
  await pause(20, signal)
  expect(performance.now() - start).toBeGreaterThanOrEqual(18)
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

test('an abort ends it early, without an error', async () => {
  const controller = new AbortController()
  const pausing = pause(FOR_EVER_MS, controller.signal)
  controller.abort()
  await expect(pausing).resolves.toBeUndefined()
  await expect(pause(FOR_EVER_MS, controller.signal)).resolves.toBeUndefined()
})
