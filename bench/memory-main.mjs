// @ts-check
import { z } from 'zod'

/*
 * A process of its own: consumes a stream that is full already, and says what that added to its memory, from before
 * the first event on. Plain JavaScript, since what a loader of TypeScript leaves behind would hide it.
 */

/** @type {typeof import('../src/index.ts')} */
const { connect, stream } = await import(new URL('../dist/index.js', import.meta.url).href)
const [url = '', name = '', count] = process.argv.slice(2)

/** In MB, without what only waits for the collector. */
function memory() {
  globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  return { resident: rss / 1e6, heap: heapUsed / 1e6 }
}

const orders = stream(name, { 'order.placed': z.object({ orderId: z.string(), amount: z.number() }) })
const bus = await connect({ url })
const before = memory()
let left = Number(count)
await new Promise((resolve, reject) => {
  const options = { group: 'bench', concurrency: 200 }
  const seen = async () => void (--left === 0 && resolve(undefined))
  bus.consume(orders, options, { 'order.placed': seen }).catch(reject)
})
// Resolves when all is acknowledged.
await bus.close()
const after = memory()
process.send?.({ growthMb: after.resident - before.resident, heapGrowthMb: after.heap - before.heap })
process.disconnect()
