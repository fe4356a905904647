import { describe, expect, it } from 'vitest'
import type { WorkerStatus } from '../../worker/worker.ts'
import { healthReport, type HealthSources } from './health.ts'

const worker = (status: Partial<WorkerStatus> = {}): WorkerStatus => ({
  lastLoopAt: Date.now(),
  lastEntryAt: undefined,
  held: 0,
  processed: 0,
  failed: 0,
  deadLettered: 0,
  lost: 0,
  duplicates: 0,
  blockedKeys: 0,
  circuit: 'closed',
  paused: false,
  ...status,
})

const well: HealthSources = {
  pingRedis: async () => 1,
  pingDatabase: async () => {},
  workers: () => [worker({ lastEntryAt: Date.UTC(2026, 0, 28) })],
  notReady: undefined,
}
const fails = () => Promise.reject(new Error('gone'))

describe('the health report', () => {
  it('is healthy when every part is', async () => {
    expect(await healthReport(well)).toMatchObject({
      status: 'healthy',
      ready: true,
      checks: { eventStream: { consumerActive: true, lastMessage: '2026-01-28T00:00:00.000Z' } },
    })
  })

  it.each([
    ['Redis is away', { pingRedis: fails }, 'unhealthy', 'Redis does not answer'],
    ['Redis never came', { pingRedis: undefined }, 'unhealthy', 'Redis does not answer'],
    ['the database is away', { pingDatabase: fails }, 'degraded', undefined],
    [
      'a loop hangs',
      { workers: () => [worker(), worker({ lastLoopAt: 1 })] },
      'unhealthy',
      'the consume loop makes no progress',
    ],
    ['it starts', { notReady: 'the service is starting' }, 'healthy', 'the service is starting'],
  ])('when %s', async (_, change, status, reason) => {
    expect(await healthReport({ ...well, ...(change as Partial<HealthSources>) })).toMatchObject({
      status,
      ready: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
    })
  })

  it('has no check for what the roles do not use', async () => {
    const { checks } = await healthReport({ ...well, pingDatabase: undefined, workers: undefined })
    expect(Object.keys(checks)).toEqual(['redis'])
  })

  it('answers also while a part does not', async () => {
    const { checks } = await healthReport({ ...well, pingRedis: () => new Promise(() => {}) })
    expect(checks['redis']).toMatchObject({
      status: 'unhealthy',
      error: expect.stringContaining('no answer'),
    })
  })
})
