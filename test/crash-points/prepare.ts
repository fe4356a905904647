import { groupKeys, RETRY_CONSUMER } from '../../src/redis/keys.ts'
import { LEFT_BEHIND, STRANGER, streamsOf } from './plan.ts'
import type { Send } from './progress.ts'

/** When the first of what is parked is due: late enough that its key is looked after before it comes. */
const DUE_IN_MS = 1_200
/** Nobody waits for that long: it has to be asked for when its turn comes. */
const DUE_LATE_IN_MS = 600_000

/**
 * What others left behind before the first process starts, so that a single one has everything to do that a group can
 * ask of it: entries of a consumer of other software, of one of ours that died once and twice with them, and two of one
 * key that wait for their retries in the group that keeps the order of keys.
 */
export async function prepare(run: string, send: Send): Promise<void> {
  const { orders, crooked } = streamsOf(run)
  const ids: string[] = []
  for (const { name, key } of LEFT_BEHIND) {
    const fields = ['type', 'steady', 'data', JSON.stringify({ name }), ...(key ? ['partitionkey', key] : [])]
    ids.push(await send<string>('XADD', orders.name, '*', ...fields))
  }
  const [stranger, once, twice, ...parked] = ids as [string, string, string, string, string]
  await deliver(send, orders.name, 'plain', { [STRANGER]: [stranger], dead: [once, twice] })
  await send('XCLAIM', orders.name, 'plain', 'dead', '0', twice, 'RETRYCOUNT', '2', 'JUSTID')
  await deliver(send, orders.name, 'ordered', { dead: [stranger, once, twice], [RETRY_CONSUMER]: parked })
  await send('ZREM', groupKeys(orders.name, 'ordered').heartbeats, RETRY_CONSUMER)
  const now = Date.now()
  const due = [String(now + DUE_IN_MS), parked[0]!, String(now + DUE_LATE_IN_MS), parked[1]!]
  await send('ZADD', groupKeys(orders.name, 'ordered').retry, ...due)
  await send('SET', crooked.name, 'no stream')
}

/** Hands entries to consumers, in the order of the stream; all but the stranger were heard of long ago. */
async function deliver(
  send: Send,
  stream: string,
  group: string,
  shares: Record<string, readonly string[]>,
): Promise<void> {
  await send('XGROUP', 'CREATE', stream, group, '0')
  for (const [consumer, ids] of Object.entries(shares)) {
    await send('XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(ids.length), 'STREAMS', stream, '>')
    if (consumer !== STRANGER) await send('ZADD', groupKeys(stream, group).heartbeats, '1', consumer)
  }
}
