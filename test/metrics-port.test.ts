import { afterEach, describe, expect, it } from 'vitest'
import { ServiceProcess } from './support/service-process.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useRedisServer } from './support/use-redis.ts'

const redis = useRedisServer()
const postgres = usePostgres()
let service: ServiceProcess | undefined

afterEach(() => service?.end('SIGKILL'))

const start = (env: NodeJS.ProcessEnv) =>
  ServiceProcess.start({
    REDIS_URL: redis.url,
    DATABASE_URL: postgres.url,
    TEST_EVENT_INTERVAL_MS: '0',
    ...env,
  })
async function statusOf(url: string): Promise<number> {
  const response = await fetch(url)
  // One that is not read keeps its connection, and the service from its stop.
  await response.arrayBuffer()
  return response.status
}

describe('where the metrics of a service are', () => {
  it('at a port of their own, with health and nothing else, where there is one', async () => {
    service = await start({ METRICS_PORT: '0' })
    const { url } = service
    const own = /Metrics at (\S+)\/metrics/.exec(service.lines.join('\n'))![1]!
    expect(await statusOf(`${url}/metrics`)).toBe(404)
    expect(await statusOf(`${own}/metrics`)).toBe(200)
    expect(await statusOf(`${own}/health/ready`)).toBe(200)
    expect(await statusOf(`${own}/api-docs`)).toBe(404)
    expect(await (await fetch(`${own}/metrics`)).text()).toContain('route="unknown",status="404"')
    expect(await service.end('SIGTERM')).toBe(0)
  })

  it('nowhere, where they are off', async () => {
    service = await start({ METRICS_ENABLED: 'false', METRICS_PORT: '0' })
    expect(await statusOf(`${service.url}/metrics`)).toBe(404)
    expect(service.lines.join('\n')).not.toContain('Metrics at')
  })
})
