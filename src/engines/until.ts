import { setTimeout as delay } from 'node:timers/promises'

import { MillraceError } from '../core/errors.ts'

const STEP_MS = 20

/** Waits until the condition holds, and answers what it gave. What it throws counts as not yet. */
export async function until<T>(
  what: string,
  condition: () => Promise<T>,
  patienceMs: number,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    let last: unknown
    try {
      const value = await condition()
      if (value) return value
    } catch (error) {
      last = error
    }
    if (Date.now() > deadline) {
      const message = `waited ${patienceMs} ms in vain for ${what}`
      throw new MillraceError('ENGINE_START_FAILED', message, { cause: last })
    }
    await delay(STEP_MS)
  }
}
