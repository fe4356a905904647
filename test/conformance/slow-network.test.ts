import { useOnce } from '../support/use.ts'
import { useRedis } from '../support/use-redis.ts'
import { redisAdapter } from './adapters/redis.ts'
import { startSlowNetwork } from './adapters/slow-network.ts'
import { conformance } from './conformance.ts'

const { server, admin } = useRedis()
const network = useOnce(
  () => startSlowNetwork(server.port),
  (it) => it.stop(),
)

conformance(
  redisAdapter({
    name: 'Redis behind a slow network that tears replies apart',
    options: () => ({ url: network.url }),
    admin,
  }),
)
