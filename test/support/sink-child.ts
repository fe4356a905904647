// A process of its own with one pipeline to files, to be killed. It reports { ready } when it runs.
import { writeSync } from 'node:fs'
import { pipeline, type SinkPipelineDeclaration } from '../../src/connectors/pipeline.ts'
import { SinkPipeline } from '../../src/connectors/sink-pipeline.ts'
import { fileSink, type FileSinkOptions } from '../../src/connectors/sinks/file.ts'
import { noLog } from '../../src/core/service.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import type { SinkProcessTarget } from '../../src/testing/sink-conformance/lab.ts'

export interface SinkChildOptions extends SinkProcessTarget {
  url: string
  sink: FileSinkOptions
}

const options = JSON.parse(process.argv[2]!) as SinkChildOptions
const { url, sink, stream, group, deadAfterMs, batchSize } = options
const streams = await RedisStreamLog.open({ url })
const declared = pipeline('child', {
  from: stream,
  to: fileSink(sink),
  group,
  deadAfterMs,
  batch: { size: batchSize },
})
const run = new SinkPipeline(declared as SinkPipelineDeclaration, { streams, log: noLog })
await run.start()
writeSync(1, '{"ready":true}\n')
