import type { StartContender } from '../contender.ts'
import { connect, orderStream } from '../millrace.ts'
import { ORDER_TYPE } from '../payload.ts'
import { rawClient } from '../raw.ts'
import { countdown, fill } from './stream.ts'

/** Everything that is on by default stays on: schema, retries, heartbeat, owner-checked acknowledgements. */
const start: StartContender = async ({ redis }) => {
  const client = await rawClient(redis)
  const bus = await connect({ url: redis })
  return {
    prepare: ({ name, count }) => fill(client, name, count),
    async run({ name, count }) {
      const all = countdown(count)
      const worker = await bus.consume(
        orderStream(name),
        { group: 'bench', concurrency: 200 },
        {
          [ORDER_TYPE]: async ({ event }) => all.seen(event.data),
        },
      )
      await all.done
      // Resolves when all is acknowledged.
      await worker.stop(5_000)
    },
  }
}

export default start
