import { describe, expect, test } from 'vitest'
import { FileLab } from '../../../test/support/sink-file-lab.ts'
import { useRedisServer } from '../../../test/support/use-redis.ts'
import { RedisStreamLog } from '../../redis/redis-log.ts'
import { sinkConformance } from '../../testing/sink-conformance.ts'
import type { FileSinkOptions } from './file.ts'

const server = useRedisServer()

const WAYS: [name: string, options: Omit<FileSinkOptions, 'directory'>][] = [
  ['a file per event', {}],
  ['segments', { format: 'jsonl', maxSegmentBytes: 4_000 }],
  ['packed segments', { format: 'jsonl', gzip: true, maxSegmentBytes: 2_000 }],
]

for (const [name, options] of WAYS)
  sinkConformance(
    {
      name,
      open: async () => new FileLab(options, server.url),
      openStreams: async () => {
        const log = await RedisStreamLog.open({ url: server.url })
        return { log, close: () => log.close() }
      },
      without: {
        ...(options.format !== 'jsonl' || options.gzip
          ? { startProcess: 'file.crash.test.ts kills those' }
          : {}),
        refuse: 'a disk takes every event',
        throttle: 'a disk does not ask for less',
        ...(options.format && {
          order: 'segments are in the order of their entries only where nothing runs beside',
        }),
      },
    },
    { describe, test, expect, concurrent: test.concurrent },
  )
