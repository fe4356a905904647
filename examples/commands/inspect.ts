import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus } from 'millrace'
import { command } from './command.ts'

/* npm run inspect -- 10 1000 'user:*': streams and their groups, so often, each so many ms after the one before. */

await command({ count: 1, delayMs: 1_000 }, async ({ bus, count, delayMs, name: match, signal }) => {
  for (let times = 0; times < count && !signal.aborted; times++) {
    if (times > 0) await sleep(delayMs, undefined, { signal }).catch(() => {})
    await show(bus, match)
  }
})

async function show({ operations }: Bus, match = '*'): Promise<void> {
  const streams = await operations.catalogue.list({ match })
  console.table(streams.map(({ stream, length, deadLetters }) => ({ stream, length, deadLetters })))
  const groups = []
  for (const { stream } of streams)
    for (const { group, behind, pending, waiting, oldestPendingAgeMs } of await operations.stats.lag(stream))
      groups.push({ stream, group, behind, pending, waiting, oldestPendingAgeMs })
  console.table(groups)
}
