import { setTimeout as sleep } from 'node:timers/promises'
import { chat } from '../events/chat.ts'
import { command } from './command.ts'

/*
 * npm run consumer -- 1000 50 chat:messages: the simple consumer, without a group. Every reader gets every entry, nothing is
 * acknowledged, and Redis remembers nothing of it. Here from the beginning, so many, with so many ms for each.
 */

await command({ count: Infinity, delayMs: 0 }, async ({ bus, count, delayMs, name = chat.name, signal }) => {
  let left = count
  for await (const { position, event, error } of bus.tail(name, { from: '0', signal })) {
    console.log(position, event ? `${event.type} ${JSON.stringify(event.data)}` : error?.message)
    if (--left <= 0) return
    if (delayMs > 0) await sleep(delayMs, undefined, { signal }).catch(() => {})
  }
})
