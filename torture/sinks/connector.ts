import { pipeline } from '../../src/connectors/pipeline.ts'
import { pipelineRun } from '../../src/connectors/run-pipeline.ts'
import { noLog } from '../../src/core/service.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { Random } from '../random.ts'
import { sinkOf, type SinkSpec } from './spec.ts'
import { UnreliableSink } from './unreliable.ts'

/* A connector in a process of its own, to be killed. */

export interface ConnectorOptions {
  redis: string
  stream: string
  group: string
  seed: number
  spec: SinkSpec
}

const { redis, stream, group, seed, spec } = JSON.parse(process.argv[2]!) as ConnectorOptions
const streams = await RedisStreamLog.open({ url: redis })
const run = pipelineRun(
  pipeline('torture', {
    from: stream,
    group,
    to: new UnreliableSink(sinkOf(spec), new Random(seed)),
    batch: { size: 100, waitMs: 20 },
    retryDelayMs: 200,
    deadAfterMs: 1_500,
    // A kill is no fault of an event, and here are many of them.
    retry: { attempts: 1_000 },
  }),
  { streams, log: noLog },
)
process.once('SIGTERM', () => {
  void run.stop(5_000).then(async () => {
    await streams.close()
    process.exit(0)
  })
})
await run.start()
process.send?.('ready')
