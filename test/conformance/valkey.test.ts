import { describe } from 'vitest'
import { findTestValkey } from '../../src/engines/test-servers.ts'
import { useRedis } from '../support/use-redis.ts'
import { redisAdapter } from './adapters/redis.ts'
import { conformance } from './conformance.ts'

const { software, reason } = await findTestValkey()

describe.skipIf(!software)(`on ${software ?? `Valkey: ${reason}`}`, () => {
  const { server, admin } = useRedis({ software: 'valkey' })
  conformance(redisAdapter({ name: 'Valkey', options: () => ({ url: server.url }), admin }))
})
