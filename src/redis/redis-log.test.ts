import { describe, expect, test } from 'vitest'
import { useRedis } from '../../test/support/use-redis.ts'
import { streamLogConformance } from '../testing/conformance.ts'
import { RedisGroupControl } from './operations/group-control.ts'
import { COPY_FIELDS, inletKey } from './keys.ts'
import { RedisStreamLog } from './redis-log.ts'

const { server, admin } = useRedis()

const IDEMPOTENCY_TTL_MS = 500

streamLogConformance(
  {
    name: 'Redis',
    async open() {
      const log = await RedisStreamLog.open({ url: server.url, idempotencyTtlMs: IDEMPOTENCY_TTL_MS })
      return {
        log,
        close: () => log.close(),
        deleteStream: async (stream) => void (await admin.send(['DEL', stream])),
        deleteGroup: async (stream, group) => void (await admin.send(['XGROUP', 'DESTROY', stream, group])),
        trim: async (stream, minPosition) => void (await admin.send(['XTRIM', stream, 'MINID', minPosition])),
        readAsStranger: (stream, group, consumer, limit) =>
          admin.send([
            'XREADGROUP',
            'GROUP',
            group,
            consumer,
            'COUNT',
            String(limit),
            'STREAMS',
            stream,
            '>',
          ]),
        pauseGroup: (stream, group) => new RedisGroupControl(admin).pause(stream, group),
        resumeGroup: (stream, group) => new RedisGroupControl(admin).resume(stream, group),
        copyToGroup: (stream, group, fields, { position, cause }) => {
          const copy = [COPY_FIELDS.position, position, COPY_FIELDS.cause, cause]
          return admin.send(['XADD', inletKey(stream, group), '*', ...fields, ...copy])
        },
      }
    },
    features: {
      deleteStream: true,
      deleteGroup: true,
      trim: true,
      readAsStranger: true,
      pause: true,
      inlet: true,
      idempotencyTtlMs: IDEMPOTENCY_TTL_MS,
    },
  },
  { describe, test, expect },
)
