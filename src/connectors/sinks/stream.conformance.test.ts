import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { SinkNetwork } from '../../../test/support/sink-network.ts'
import { startSinkProcess } from '../../../test/support/sink-process.ts'
import { useLog, useRedis, useRedisServer } from '../../../test/support/use-redis.ts'
import { decodeEntry } from '../../core/codec.ts'
import { FIRST_POSITION } from '../../core/position.ts'
import type { Sink } from '../../core/sink.ts'
import { startFaultProxy, type FaultProxy } from '../../testing/fault-proxy.ts'
import { sinkConformance } from '../../testing/sink-conformance.ts'
import type { SinkLab, SinkProcessTarget } from '../../testing/sink-conformance/lab.ts'
import { streamSink } from './stream.ts'

const redis = useRedisServer()
const log = useLog(redis)
const { server: other, admin } = useRedis()
const otherLog = useLog(other)

/** Longer than any pause of the suite. */
const PAUSE_MS = 100_000

/** A stream of another Redis, behind a proxy. */
class StreamLab implements SinkLab {
  readonly oversize = 10_000
  readonly #proxy: FaultProxy
  readonly #network: SinkNetwork
  readonly #target = `to:${randomUUID()}`

  private constructor(proxy: FaultProxy) {
    this.#proxy = proxy
    this.#network = new SinkNetwork(proxy)
  }

  static open = async (): Promise<StreamLab> => new StreamLab(await startFaultProxy({ port: other.port }))

  sink(): Sink {
    return streamSink({
      stream: this.#target,
      redis: { url: this.#proxy.url('redis'), offlineTimeoutMs: 200 },
      maxEventBytes: this.oversize,
    })
  }

  async held(): Promise<readonly unknown[]> {
    const entries = await otherLog.read(this.#target, FIRST_POSITION, 10_000).catch(() => [])
    return entries.map((entry) => decodeEntry(this.#target, entry).data)
  }

  cut = (): Promise<void> => this.#network.cut()

  leave = (): (() => void) => this.#network.leave()

  async hang(): Promise<() => Promise<void>> {
    await admin.send(['CLIENT', 'PAUSE', String(PAUSE_MS), 'WRITE'])
    return async () => void (await admin.send(['CLIENT', 'UNPAUSE']))
  }

  startProcess(target: SinkProcessTarget): Promise<{ kill(): Promise<void> }> {
    const options = { stream: this.#target, redis: { url: other.url } }
    return startSinkProcess(redis.url, { type: 'stream', options }, target)
  }

  close(): Promise<void> {
    return this.#proxy.stop()
  }
}

sinkConformance(
  {
    name: 'a stream of another Redis',
    open: StreamLab.open,
    openStreams: async () => ({ log, close: async () => {} }),
    without: {
      refuse: 'a stream takes whatever fits',
      throttle: 'Redis does not ask for less',
    },
  },
  { describe, test, expect },
)
