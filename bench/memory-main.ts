import { connect, orderStream } from './millrace.ts'
import { orders, ORDER_TYPE } from './payload.ts'

/* A process of its own: consumes what is published meanwhile, and says how much memory that took for good. */

const [url, count] = [process.argv[2]!, Number(process.argv[3])]
const WARM_UP = 100_000
const bus = await connect({ url })
const stream = orderStream('memory')
let seen = 0
const worker = await bus.consume(
  stream,
  { group: 'bench', concurrency: 200 },
  { [ORDER_TYPE]: () => void seen++ },
)
const batch = orders(250).map((data) => ({ type: ORDER_TYPE, data }) as const)

/** Never far ahead of the worker, so that Redis stays small. */
async function consume(events: number): Promise<void> {
  const goal = seen + events
  for (let published = 0; published < events; published += 1_000) {
    await Promise.all([batch, batch, batch, batch].map((part) => bus.publishMany(stream, part)))
    while (seen < goal - events + published) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  while (seen < goal || worker.status.held > 0) await new Promise((resolve) => setTimeout(resolve, 1))
}

function residentMegabytes(): number {
  globalThis.gc!()
  return process.memoryUsage.rss() / 1e6
}

await consume(WARM_UP)
const before = residentMegabytes()
await consume(count)
process.send!(residentMegabytes() - before)
await bus.close()
process.disconnect()
