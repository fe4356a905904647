// @ts-check
import { setTimeout as sleep } from 'node:timers/promises'

/*
 * A process of its own: a pipeline whose sink hangs, and then goes on. Says what the peak of its memory was when it is
 * asked. Plain JavaScript, since what a loader of TypeScript leaves behind would hide it.
 */

const dist = new URL('../../dist/', import.meta.url)
/** @type {typeof import('../../src/connectors/index.ts')} */
const { pipeline, runPipeline } = await import(new URL('connectors/index.js', dist).href)
/** @type {typeof import('../../src/redis/redis-log.ts')} */
const { RedisStreamLog } = await import(new URL('redis/redis-log.js', dist).href)
const [url = '', stream = '', hangMs] = process.argv.slice(2)

const hanging = sleep(Number(hangMs))
const streams = await RedisStreamLog.open({ url })
const silent = () => {}
await runPipeline(
  pipeline('bench', {
    from: stream,
    to: { concurrency: 4, connect: async () => {}, write: () => hanging, close: async () => {} },
    batch: { size: 500 },
  }),
  { streams, log: { debug: silent, info: silent, warn: silent, error: silent } },
)
process.on('message', () => process.send?.({ peakMb: (process.resourceUsage().maxRSS * 1_024) / 1e6 }))
process.on('disconnect', () => process.exit())
process.send?.('ready')
