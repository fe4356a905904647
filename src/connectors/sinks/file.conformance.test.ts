import { describe, expect, test } from 'vitest'
import { FileLab } from '../../../test/support/sink-file-lab.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import { sinkConformance } from '../../testing/sink-conformance.ts'
import type { SinkAdapter } from '../../testing/sink-conformance/lab.ts'
import type { FileSinkOptions } from './file.ts'

const server = useRedisServer()
const log = useLog(server)

const onRedis: Partial<SinkAdapter> = { openStreams: async () => ({ log, close: async () => {} }) }
const noOrder = { order: 'segments are in the order of their entries only where nothing runs beside' }
const noProcess = { startProcess: 'its streams are in memory; file.crash.test.ts kills those' }

const WAYS: [name: string, options: Omit<FileSinkOptions, 'directory'>, more: Partial<SinkAdapter>][] = [
  ['a file per event', {}, { without: noProcess }],
  ['segments', { format: 'jsonl', maxSegmentBytes: 4_000 }, { ...onRedis, without: noOrder }],
  [
    'packed segments',
    { format: 'jsonl', gzip: true, maxSegmentBytes: 2_000 },
    { without: { ...noProcess, ...noOrder } },
  ],
]

for (const [name, options, more] of WAYS)
  sinkConformance(
    {
      name,
      open: async () => new FileLab(options, server.url),
      ...more,
      without: {
        ...more.without,
        refuse: 'a disk takes every event',
        throttle: 'a disk does not ask for less',
      },
    },
    { describe, test, expect, concurrent: test.concurrent },
  )
