// A process of its own with a pipeline from files to Redis, to be killed.
import { pipeline, type SourcePipelineDeclaration } from '../../src/connectors/pipeline.ts'
import { SourcePipeline } from '../../src/connectors/source-pipeline.ts'
import { fileSource } from '../../src/connectors/sources/file.ts'
import { noLog } from '../../src/core/service.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'

export interface SourceFileChildOptions {
  url: string
  path: string
  stream: string
}

const { url, path, stream } = JSON.parse(process.argv[2]!) as SourceFileChildOptions

const declared = pipeline('child', {
  from: fileSource({
    path,
    format: 'jsonl',
    eventType: 'line',
    follow: true,
    pollMs: 5,
    batchSize: 50,
  }),
  to: stream,
})
const streams = await RedisStreamLog.open({ url })
/** One that is killed is soon not heard of. */
const LEASE_MS = 800
const surroundings = { streams, log: noLog, cursors: streams.cursors('test', LEASE_MS) }
await new SourcePipeline(declared as SourcePipelineDeclaration, surroundings).start()
process.stdout.write(`${JSON.stringify({ ready: true })}\n`)
