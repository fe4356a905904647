import { afterEach } from 'vitest'
import {
  pipeline,
  type SinkPipelineDeclaration,
  type SinkPipelineOptions,
} from '../../src/connectors/pipeline.ts'
import { SinkPipeline } from '../../src/connectors/sink-pipeline.ts'
import { noLog } from '../../src/core/service.ts'
import type { StreamLog } from '../../src/core/stream-log.ts'

/**
 * Starts pipelines to sinks, which stop with their test. Call it behind the hooks that end what they run on.
 *
 * @param stopMs how long the end of a test waits for what is being written, in ms
 */
export function useSinkRuns(stopMs = 2_000) {
  const runs: SinkPipeline[] = []
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.stop(stopMs)
  })
  return async (streams: StreamLog, name: string, options: SinkPipelineOptions): Promise<SinkPipeline> => {
    const declared = pipeline(name, { retryDelayMs: 20, ...options }) as SinkPipelineDeclaration
    const run = new SinkPipeline(declared, { streams, log: noLog })
    runs.push(run)
    await run.start()
    return run
  }
}
