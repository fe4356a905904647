import { setTimeout as sleep } from 'node:timers/promises'

/** How long a condition is waited for: far longer than it takes, and short of a test's limit, to say what was missing. */
const PATIENCE_MS = 15_000
const STEP_MS = 5

/** Waits until the condition holds, and answers what it gave. What it throws counts as not yet. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<NonNullable<T>> {
  const end = performance.now() + patienceMs
  let last: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value) return value
      last = value
    } catch (error) {
      last = error
    }
    if (performance.now() > end)
      throw new Error(`waited ${patienceMs} ms in vain for ${what}`, { cause: last })
    await sleep(STEP_MS)
  }
}

/** The error that a call ends with; it fails when the call does not. */
export async function failureOf(
  call: Promise<unknown> | (() => unknown),
): Promise<Error & { code?: string }> {
  try {
    await (typeof call === 'function' ? call() : call)
  } catch (error) {
    return error as Error & { code?: string }
  }
  throw new Error('the call was expected to fail, and did not')
}
