// A process of its own with one worker on Redis, to be killed. It reports a JSON value a line: { start } when a
// handler starts, { aborted } when its signal is aborted, { end } when it ends and was blocked or got a batch, { ready } and
// { stopped } for itself.
import { writeSync } from 'node:fs'
import type { Delivery } from '../../src/core/delivery.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { Worker } from '../../src/worker/worker.ts'
import type { ChildOptions } from './child-process.ts'
import { DEAD_AFTER_MS, effectsOf, GROUP } from './worker-lab.ts'

const { url, stream, mode, attempts, concurrency, batch } = JSON.parse(process.argv[2]!) as ChildOptions

/** At once, since the process may be killed right after. */
const report = (line: object) => void writeSync(1, `${JSON.stringify(line)}\n`)

const handlers: Record<ChildOptions['mode'], (delivery: Delivery) => Promise<void> | void> = {
  quick: () => {},
  slow: ({ position, signal }) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        report({ aborted: position })
        resolve()
      })
    }),
  poison: async ({ event }) => {
    if (event.data === 'poison') process.kill(process.pid, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 5))
  },
  ordered: async (delivery) => {
    const { event } = delivery
    if (Math.random() < 0.1) throw new Error('by chance')
    const effect = JSON.stringify(`${event.key} ${event.data}`)
    delivery.produce(effectsOf(stream), ['type', 'effect', 'data', effect])
  },
  blocking: ({ event, position }) => {
    for (const end = performance.now() + (event.data as number); performance.now() < end;);
    report({ end: position })
  },
}

const handler = (delivery: Delivery) => {
  const { position, attempt } = delivery
  report({ start: position, attempt })
  return handlers[mode](delivery)
}

const batchHandler = async (deliveries: readonly Delivery[]) => {
  const { length } = deliveries
  for (const { position, attempt } of deliveries) report({ start: position, attempt, batch: length })
  for (const delivery of deliveries) await handlers[mode](delivery)
  for (const { position } of deliveries) report({ end: position })
}

const log = await RedisStreamLog.open({ url })
const worker = new Worker(log, {
  stream,
  group: GROUP,
  deadAfterMs: DEAD_AFTER_MS,
  order: mode === 'ordered' ? 'key' : 'process',
  retry: mode === 'ordered' ? { attempts, delayMs: 20, factor: 1 } : { attempts },
  concurrency,
  ...(batch === undefined ? { handler } : { batch: { size: batch, waitMs: 50 }, batchHandler }),
})
await worker.start()
report({ ready: true })
process.once('SIGTERM', async () => {
  await worker.stop(200)
  await log.close()
  report({ stopped: true }) // and nothing is left that would keep the process alive
})
