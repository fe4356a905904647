// A process of its own with a pipeline from Redis to Event Hubs, to be killed.
import { pipeline, type SinkPipelineDeclaration } from '../../src/connectors/pipeline.ts'
import { SinkPipeline } from '../../src/connectors/sink-pipeline.ts'
import { eventHubsSink } from '../../src/connectors/sinks/event-hubs.ts'
import { noLog } from '../../src/core/service.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import type { SinkProcessTarget } from '../../src/testing/sink-conformance/lab.ts'

export interface EventHubsChildOptions extends SinkProcessTarget {
  url: string
  connectionString: string
}

const options = JSON.parse(process.argv[2]!) as EventHubsChildOptions
const { url, connectionString, stream, group, deadAfterMs, batchSize } = options

const declared = pipeline('child', {
  from: stream,
  to: eventHubsSink({ connectionString }),
  group,
  deadAfterMs,
  batch: { size: batchSize },
})
const streams = await RedisStreamLog.open({ url })
await new SinkPipeline(declared as SinkPipelineDeclaration, { streams, log: noLog }).start()
