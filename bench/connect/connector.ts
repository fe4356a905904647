import { EventEmitter, once } from 'node:events'
import type * as Connectors from '../../src/connectors/index.ts'
import type { Sink } from '../../src/core/sink.ts'
import { noLog } from '../../src/core/service.ts'
import type * as Logs from '../../src/redis/redis-log.ts'
import { built } from '../built.ts'
import { fill } from '../consume/stream.ts'
import type { Contender, Round, Servers } from '../contender.ts'
import { rawClient, type RawClient } from '../raw.ts'
import type * as Runs from '../../src/connectors/run-pipeline.ts'
import { until } from '../until.ts'
import type { Target } from './target.ts'

const { pipeline } = (await import(built('connectors/index.js'))) as typeof Connectors
const { pipelineRun } = (await import(built('connectors/run-pipeline.js'))) as typeof Runs
const { RedisStreamLog } = (await import(built('redis/redis-log.js'))) as typeof Logs

type Streams = Awaited<ReturnType<typeof RedisStreamLog.open>>

/**
 * A pipeline on a stream that is full already, from its first read until everything is written and acknowledged. It is
 * connected to its sink before, as what is by hand is: pipelines run for weeks.
 */
export async function connector(target: Target, { redis }: Servers, size: number): Promise<Contender> {
  const client = await rawClient(redis)
  const streams = await RedisStreamLog.open({ url: redis })
  let drain: () => Promise<void>
  return {
    async prepare(round) {
      await fill(client, round.name, round.count)
      drain = await connected(streams, round, target.sink(round), size)
    },
    run: () => drain(),
    async finish(round) {
      await checkAcknowledged(client, round.name)
      const held = await target.take(round)
      if (held !== round.count) throw new Error(`the sink has ${held} of ${round.count} events`)
    },
  }
}

/** A pipeline that pauses. @returns what lets it run until it has written all, and stops it */
async function connected(
  streams: Streams,
  { name, count }: Round,
  sink: Sink,
  size: number,
): Promise<() => Promise<void>> {
  let left = count
  const end = new EventEmitter()
  const drained = once(end, 'drained')
  const observer: Connectors.PipelineObserver = {
    wrote(_, events) {
      left -= events
      if (left === 0) end.emit('drained')
    },
    failed: (_, error) => end.emit('error', new Error(`the pipeline to ${name} failed: ${error}`)),
    published() {},
  }
  const declared = pipeline(GROUP, { from: name, to: sink, batch: { size } })
  const run = pipelineRun(declared, { streams, log: noLog, observer })
  run.pause()
  await run.start()
  await until(async () => run.status.state === 'paused')
  return async () => {
    run.resume()
    await drained
    // Resolves when all is acknowledged.
    await run.stop(10_000)
  }
}

const GROUP = 'bench'

async function checkAcknowledged(client: RawClient, stream: string): Promise<void> {
  const [group] = await client.xInfoGroups(stream)
  if (group?.pending !== 0 || group.lag !== 0)
    throw new Error(`the group was not drained: ${JSON.stringify(group)}`)
}
