import { setTimeout as sleep } from 'node:timers/promises'
import { command } from './command.ts'
import { publishSample } from './events.ts'

/* npm run producer -- 1000 50: so many events of users, chat, tasks and logs, each so many ms after the one before. */

await command({ count: 10, delayMs: 100 }, async ({ bus, count, delayMs, signal }) => {
  let published = 0
  while (published < count && !signal.aborted) {
    if (published > 0 && delayMs > 0) await sleep(delayMs, undefined, { signal }).catch(() => {})
    if (!signal.aborted) console.log(await publishSample(bus, published++))
  }
  console.log(`published ${published} events`)
})
