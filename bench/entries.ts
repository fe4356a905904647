import type { RawClient } from './raw.ts'
import type { Round } from './contender.ts'

/** KEYS: stream. ARGV: first number, last number. Entries of about 120 bytes, each with values of its own. */
const FILL = `
local order = '{"orderId":"order-%d","customerId":"customer-%d","amount":%d.25,"currency":"EUR","city":"Bielefeld"}'
for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local data = string.format(order, 100000 + n, math.random(1000000), math.random(1000))
  redis.call('XADD', KEYS[1], '*', 'type', 'order.placed', 'data', data)
end`
const STEP = 1_000

/** Fills a stream by the server alone, so that the process that will work on it has no memory of that. */
export async function fillEntries(client: RawClient, { name, count }: Round): Promise<void> {
  for (let from = 1; from <= count; from += STEP) {
    const to = Math.min(count, from + STEP - 1)
    await client.eval(FILL, { keys: [name], arguments: [String(from), String(to)] })
  }
}

export type Row = [id: string, fields: string[]]

/** The bare loop: pages of a stream, one after the other. */
export async function* bareRead(client: RawClient, stream: string): AsyncGenerator<Row[]> {
  for (let from = '-'; ;) {
    const page = await client.sendCommand<Row[]>(['XRANGE', stream, from, '+', 'COUNT', '500'])
    if (page.length === 0) return
    yield page
    from = `(${page.at(-1)![0]}`
  }
}
