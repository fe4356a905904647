import type * as Connectors from '../../src/connectors/index.ts'
import type { Sink } from '../../src/core/sink.ts'
import { noLog } from '../../src/core/service.ts'
import type * as Logs from '../../src/redis/redis-log.ts'
import { built } from '../built.ts'
import { fill } from '../consume/stream.ts'
import type { Contender, Servers } from '../contender.ts'
import { rawClient, type RawClient } from '../raw.ts'
import type * as Runs from '../../src/connectors/run-pipeline.ts'
import type { Target } from './target.ts'

const { pipeline } = (await import(built('connectors/index.js'))) as typeof Connectors
const { pipelineRun } = (await import(built('connectors/run-pipeline.js'))) as typeof Runs
const { RedisStreamLog } = (await import(built('redis/redis-log.js'))) as typeof Logs

type Streams = Awaited<ReturnType<typeof RedisStreamLog.open>>

/** A pipeline on a stream that is full already, from its start until everything is written and acknowledged. */
export async function connector(target: Target, { redis }: Servers, size: number): Promise<Contender> {
  const client = await rawClient(redis)
  const streams = await RedisStreamLog.open({ url: redis })
  return {
    prepare: ({ name, count }) => fill(client, name, count),
    run: (round) => drain(streams, round.name, round.count, target.sink(round), size),
    async finish(round) {
      await checkAcknowledged(client, round.name)
      const held = await target.take(round)
      if (held !== round.count) throw new Error(`the sink has ${held} of ${round.count} events`)
    },
  }
}

async function drain(
  streams: Streams,
  stream: string,
  count: number,
  sink: Sink,
  size: number,
): Promise<void> {
  let left = count
  await new Promise<void>((resolve, reject) => {
    const observer: Connectors.PipelineObserver = {
      wrote(_, events) {
        left -= events
        // Resolves when all is acknowledged.
        if (left === 0) run.stop(10_000).then(resolve, reject)
      },
      failed: (_, error) => reject(new Error(`the pipeline to ${stream} failed: ${error}`)),
      published() {},
    }
    const declared = pipeline(GROUP, { from: stream, to: sink, batch: { size } })
    const run = pipelineRun(declared, { streams, log: noLog, observer })
    run.start().catch(reject)
  })
}

const GROUP = 'bench'

async function checkAcknowledged(client: RawClient, stream: string): Promise<void> {
  const [group] = await client.xInfoGroups(stream)
  if (group?.pending !== 0 || group.lag !== 0)
    throw new Error(`the group was not drained: ${JSON.stringify(group)}`)
}
