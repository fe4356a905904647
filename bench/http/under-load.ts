import { createHash } from 'node:crypto'

const KEY = `mr_bench_${'k'.repeat(43)}`

/**
 * The variables of a service that is put under load, and the headers of whoever does: everything is on but the rate limit,
 * which would be what is measured. One role, as it would be deployed.
 */
export const underLoad = (scope: 'publish' | 'admin') => ({
  env: {
    ENVIRONMENT: 'staging',
    HOST: '127.0.0.1',
    ROLES: 'api',
    API_KEYS: `bench:${scope}:${createHash('sha256').update(KEY).digest('hex')}`,
    RATE_LIMIT_MAX: '0',
    LOG_FORMAT: 'json',
  },
  headers: { 'x-api-key': KEY },
})
