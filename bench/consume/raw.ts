import type { StartContender } from '../contender.ts'
import type { Order } from '../payload.ts'
import { rawClient, type RawClient } from '../raw.ts'
import { countdown, fill } from './stream.ts'

type Reply = [stream: string, entries: [id: string, fields: string[]][]][] | null

/** No retry, no validation, no check of who owns what: what a team writes on its first day. */
const start: StartContender = async ({ redis }) => {
  const client = await rawClient(redis)
  return {
    async prepare({ name, count }) {
      await fill(client, name, count)
      await client.xGroupCreate(name, 'bench', '0')
    },
    async run({ name, count }) {
      const all = countdown(count)
      const handler = async (order: Order) => all.seen(order)
      let read = 0
      while (read < count) read += await consumeBatch(client, name, handler)
      await all.done
    },
  }
}

async function consumeBatch(
  client: RawClient,
  stream: string,
  handler: (order: Order) => Promise<void>,
): Promise<number> {
  const read = ['XREADGROUP', 'GROUP', 'bench', 'me', 'COUNT', '500', 'BLOCK', '5000', 'STREAMS', stream, '>']
  const reply = (await client.sendCommand(read)) as Reply
  if (!reply) return 0
  const entries = reply[0]![1]
  await Promise.all(entries.map(([, fields]) => handler(JSON.parse(fields[3]!))))
  await client.sendCommand(['XACK', stream, 'bench', ...entries.map(([id]) => id)])
  return entries.length
}

export default start
