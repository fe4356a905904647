import { openConnection } from '../../src/redis/connections/servers.ts'
import { useOnce } from '../support/use.ts'
import { useCluster } from '../support/use-cluster.ts'
import { redisAdapter } from './adapters/redis.ts'
import { conformance } from './conformance.ts'

const lab = useCluster()
const options = () => ({ cluster: { nodes: lab.nodes } })
const admin = useOnce(
  () => openConnection(options(), 'test-admin'),
  (connection) => connection.close(),
)

conformance(redisAdapter({ name: 'Redis Cluster', options, admin }))
