import { createClient } from '@redis/client'
import { ORDER_TYPE, type Order } from './payload.ts'

/** The client of Millrace, with the options of a beginner. */
export const rawClient = (url: string) => createClient({ url, RESP: 2 }).connect()
export type RawClient = Awaited<ReturnType<typeof rawClient>>

const APPEND = `
local ids = {}
for i = 1, #ARGV, 2 do ids[#ids + 1] = redis.call('XADD', KEYS[1], '*', 'type', ARGV[i], 'data', ARGV[i + 1]) end
return ids`

/** Writes a batch by script, with the fields that Millrace writes. */
export async function rawAppend(client: RawClient, stream: string, batch: readonly Order[]): Promise<void> {
  const args: string[] = []
  for (const order of batch) args.push(ORDER_TYPE, JSON.stringify(order))
  await client.eval(APPEND, { keys: [stream], arguments: args })
}
