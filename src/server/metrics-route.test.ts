import { describe, expect, it } from 'vitest'
import { createMetricsApp } from './app.ts'
import { fakeServer } from './fake-ports.ts'

const metrics = async () => ({ contentType: 'text/plain; version=0.0.4', text: 'up 1\n' })

describe('GET /metrics', () => {
  it('answers what there is, to whoever asks', async () => {
    const { ask } = fakeServer({
      metrics,
      access: {
        open: false,
        authenticate: () => Promise.reject(new Error('nobody is asked for a key')),
      },
      rateLimiter: { take: () => Promise.reject(new Error('nobody is counted')) },
    } as never)
    const response = await ask('/metrics')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await response.text()).toBe('up 1\n')
    expect((await ask('/metrics', { method: 'HEAD' })).status).toBe(200)
    expect((await ask('/metrics', { method: 'POST' })).status).toBe(405)
  })

  it('is not there without metrics', async () => {
    expect((await fakeServer().ask('/metrics')).status).toBe(404)
  })

  it('has with health a port of its own, and nothing else is there', async () => {
    const { ports } = fakeServer({ metrics })
    const app = createMetricsApp(ports, { requestTimeoutMs: 1_000 })
    const statusOf = async (path: string, method = 'GET') => (await app.request(path, { method })).status
    for (const path of ['/metrics', '/health', '/health/live', '/health/ready'])
      expect(await statusOf(path)).toBe(200)
    expect(await statusOf('/api/events/custom', 'POST')).toBe(404)
    expect(await statusOf('/openapi.json')).toBe(404)
  })
})

describe('requests are measured', () => {
  it('by method, pattern of the route, and status', async () => {
    const seen: string[] = []
    const { ask, post } = fakeServer({
      observeRequest({ method, route, status }, seconds) {
        expect(seconds).toBeGreaterThanOrEqual(0)
        seen.push(`${method} ${route} ${status}`)
      },
      publish: () => Promise.reject(new Error('broken')),
    })
    await ask('/health/live')
    await ask('/health/live?x=1', { method: 'HEAD' })
    await ask('/health/live', { method: 'DELETE' })
    await ask('/api/events/processed?limit=x')
    await post('/api/events/custom', '{"streamName":"s","eventType":"t","payload":1}')
    await ask(`/nothing/${'x'.repeat(500)}`)
    await ask('/*')
    await ask('/health', { method: 'BREW' })
    expect(seen).toEqual([
      'GET /health/live 200',
      'HEAD /health/live 200',
      'DELETE /health/live 405',
      'GET /api/events/processed 400',
      'POST /api/events/custom 500',
      'GET unknown 404',
      'GET unknown 404',
      'other /health 405',
    ])
  })
})
