import { useRedis } from '../support/use-redis.ts'
import { redisAdapter } from './adapters/redis.ts'
import { conformance } from './conformance.ts'

const { server, admin } = useRedis({ args: ['--appendonly', 'yes'] })

conformance(
  redisAdapter({
    name: 'Redis',
    options: () => ({ url: server.url }),
    admin,
    async restart() {
      await server.restart()
      await admin.whenReady(10_000)
    },
  }),
)
