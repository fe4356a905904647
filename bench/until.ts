import { setTimeout as sleep } from 'node:timers/promises'

const STEP_MS = 2
const PATIENCE_MS = 60_000

export async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!(await condition())) {
    if (performance.now() > end) throw new Error('waited a minute in vain')
    await sleep(STEP_MS)
  }
}
