import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { chat } from '../events/chat.ts'
import { command } from './command.ts'

/*
 * npm run consumer-group -- 1000 50: takes part in a group. Of all who do, each entry is handled by one, and again by another
 * if that one dies. With so many ms of work for each; stops after so many, or at Ctrl-C, and what runs then may finish.
 * The group stays behind, with the place where it was: npx millrace group delete chat:messages example-group
 */

const STOP_MS = 10_000

await command({ count: Infinity, delayMs: 0 }, async ({ bus, count, delayMs, signal }) => {
  const enough = new AbortController()
  let handled = 0
  const worker = await bus.consume(
    chat,
    { group: 'example-group', concurrency: 5 },
    {
      'message.sent': async ({ event: { id, data } }) => {
        await sleep(delayMs)
        console.log(id, `${data.senderId} to ${data.receiverId}: ${data.content}`)
        if (++handled >= count) enough.abort()
      },
    },
  )
  console.log('waiting for messages; Ctrl-C ends it')
  const end = AbortSignal.any([signal, enough.signal])
  if (!end.aborted) await once(end, 'abort')
  await worker.stop(STOP_MS)
  console.log(`handled ${handled} events`)
})
