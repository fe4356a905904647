import { openConnection } from '../../src/redis/connections/servers.ts'
import { useOnce } from '../support/use.ts'
import { useSentinel } from '../support/use-sentinel.ts'
import { redisAdapter } from './adapters/redis.ts'
import { conformance } from './conformance.ts'

const lab = useSentinel()
const options = () => ({ sentinel: { name: lab.name, nodes: lab.nodes } })
const admin = useOnce(
  () => openConnection(options(), 'test-admin'),
  (connection) => connection.close(),
)

conformance(redisAdapter({ name: 'Redis with Sentinel', options, admin }))
