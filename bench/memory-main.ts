import { countdown } from './consume/stream.ts'
import { connect, orderStream } from './millrace.ts'
import type { Growth } from './memory.ts'
import { ORDER_TYPE } from './payload.ts'

/* A process of its own: consumes a stream that is full already, and says what that added to its memory. */

const [url, name, count] = process.argv.slice(2)

/** In MB, without what only waits for the collector. */
function memory() {
  globalThis.gc!()
  const { rss, heapUsed } = process.memoryUsage()
  return { resident: rss / 1e6, heap: heapUsed / 1e6 }
}

const bus = await connect({ url: url! })
const all = countdown(Number(count))
const before = memory()
const worker = await bus.consume(
  orderStream(name!),
  { group: 'bench', concurrency: 200 },
  { [ORDER_TYPE]: async ({ event }) => all.seen(event.data) },
)
await all.done
await worker.stop(5_000)
const after = memory()
const growth: Growth = {
  growthMb: after.resident - before.resident,
  heapGrowthMb: after.heap - before.heap,
}
process.send!(growth)
await bus.close()
process.disconnect()
