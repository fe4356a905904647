// A process of its own with one pipeline to a sink, to be killed. It reports { ready } when it runs.
import { writeSync } from 'node:fs'
import { pipeline } from '../../src/connectors/pipeline.ts'
import { pipelineRun } from '../../src/connectors/run-pipeline.ts'
import { noLog } from '../../src/core/service.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { sinkOf } from '../../torture/sinks/spec.ts'
import type { SinkChildOptions } from './sink-process.ts'

const options = JSON.parse(process.argv[2]!) as SinkChildOptions
const { url, spec, name, stream, group, deadAfterMs, batchSize } = options
const declared = pipeline(name, {
  from: stream,
  to: sinkOf(spec),
  group,
  deadAfterMs,
  batch: { size: batchSize },
})
const streams = await RedisStreamLog.open({ url })
await pipelineRun(declared, { streams, log: noLog }).start()
writeSync(1, '{"ready":true}\n')
