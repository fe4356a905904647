import type { Engine } from './share.ts'

/** One's own Redis, where `REDIS_URL` or `REDIS_HOST` names one. */
export function redisFromEnvironment(env: NodeJS.ProcessEnv): Engine | undefined {
  if (env['REDIS_URL']) return given(env['REDIS_URL'], 'REDIS_URL')
  if (!env['REDIS_HOST']) return undefined
  const scheme = env['REDIS_TLS_ENABLED']?.toLowerCase() === 'true' ? 'rediss:' : 'redis:'
  const url = new URL(`${scheme}//${env['REDIS_HOST']}:${env['REDIS_PORT'] || 6379}`)
  url.username = env['REDIS_USER'] ?? ''
  url.password = env['REDIS_PW'] ?? env['REDIS_PASSWORD'] ?? ''
  return given(url.href, 'REDIS_HOST')
}

/** One's own PostgreSQL, where `DATABASE_URL` or `DB_HOST` names one. */
export function postgresFromEnvironment(env: NodeJS.ProcessEnv): Engine | undefined {
  if (env['DATABASE_URL']) return given(env['DATABASE_URL'], 'DATABASE_URL')
  if (!env['DB_HOST']) return undefined
  const url = new URL(`postgres://${env['DB_HOST']}:${env['DB_PORT'] || 5432}`)
  url.pathname = env['DB_NAME'] || 'redis_streams_db'
  url.username = env['DB_USER'] || 'postgres'
  url.password = env['DB_PASSWORD'] ?? ''
  return given(url.href, 'DB_HOST')
}

/** Nothing was launched, so there is nothing to stop. */
function given(url: string, variable: string): Engine {
  return { url, origin: 'environment', detail: variable, stop: async () => {} }
}
