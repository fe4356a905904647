import { describe, expect, it } from 'vitest'
import type { PipelineStatus } from '../../connectors/pipeline-run.ts'
import type { WorkerStatus } from '../../worker/worker.ts'
import { healthReport, type HealthSources } from './health.ts'

/** What health looks at. */
const worker = (status: Partial<WorkerStatus> = {}): WorkerStatus =>
  ({ lastLoopAt: Date.now(), lastEntryAt: undefined, ...status }) as WorkerStatus

const pipe = (status: Partial<PipelineStatus> = {}): PipelineStatus =>
  ({ name: 'archive', state: 'running', lastLoops: [Date.now()], ...status }) as PipelineStatus

const gone = { status: 'unhealthy', error: 'gone' } as const
const well: HealthSources = {
  redis: { status: 'healthy', latency: 1 },
  circuit: 'closed',
  database: { status: 'healthy' },
  workers: [worker({ lastEntryAt: Date.UTC(2026, 0, 28) })],
  background: [{ name: 'schedule', lastLoopAt: Date.now() }],
  overload: undefined,
  notReady: undefined,
}
const reportWith = (change: Partial<HealthSources>) => healthReport({ ...well, ...change })

describe('the health report', () => {
  it('is healthy when every part is', () => {
    expect(healthReport(well)).toEqual({
      status: 'healthy',
      ready: true,
      checks: {
        redis: { status: 'healthy', latency: 1, circuit: 'closed' },
        eventStream: { status: 'healthy', consumerActive: true, lastMessage: '2026-01-28T00:00:00.000Z' },
        database: { status: 'healthy' },
        background: { status: 'healthy' },
      },
    })
  })

  it.each<[string, Partial<HealthSources>, string, string | undefined]>([
    ['Redis is away', { redis: gone, circuit: 'open' }, 'unhealthy', 'Redis does not answer'],
    ['the circuit is open', { circuit: 'open' }, 'degraded', 'the circuit around Redis is open'],
    ['it is tried out', { circuit: 'half-open' }, 'degraded', 'the circuit around Redis is open'],
    ['the database is away', { database: gone }, 'degraded', undefined],
    [
      'one loop of many hangs',
      { workers: [worker(), worker({ lastLoopAt: 1 })] },
      'unhealthy',
      'the consume loop makes no progress',
    ],
    ['nothing is consumed', { workers: [] }, 'unhealthy', 'the consume loop makes no progress'],
    ['a responder hangs', { responders: [1] }, 'unhealthy', 'a responder makes no progress'],
    ['sinks take what they get', { pipelines: [pipe(), pipe({ state: 'paused' })] }, 'healthy', undefined],
    ['a sink is away', { pipelines: [pipe(), pipe({ state: 'retrying' })] }, 'degraded', undefined],
    ['a sink has failed', { pipelines: [pipe({ state: 'failed' })] }, 'degraded', undefined],
    [
      'the loop of a pipeline hangs',
      { pipelines: [pipe({ lastLoops: [Date.now(), 1] })] },
      'unhealthy',
      'a pipeline makes no progress',
    ],
    ['a pipeline has not begun to read', { pipelines: [pipe({ lastLoops: [0] })] }, 'healthy', undefined],
    ['responders run', { responders: [Date.now()] }, 'healthy', undefined],
    [
      'a loop in the background hangs',
      { background: [{ name: 'jobs', lastLoopAt: 1 }] },
      'degraded',
      undefined,
    ],
    ['it is overloaded', { overload: 'too much' }, 'degraded', undefined],
    ['it starts', { notReady: 'the service is starting' }, 'healthy', 'the service is starting'],
  ])('when %s', (_, change, status, reason) => {
    expect(reportWith(change)).toMatchObject({
      status,
      ready: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
    })
  })

  it('names what is stuck', () => {
    const { checks } = reportWith({ background: [{ name: 'jobs', lastLoopAt: 1 }] })
    expect(checks['background']).toEqual({ status: 'degraded', stuck: ['jobs'] })
  })

  it('tells the state of each pipeline', () => {
    const pipelines = [
      pipe(),
      pipe({ name: 'away', state: 'retrying' }),
      pipe({ name: 'stuck', lastLoops: [1] }),
    ]
    expect(reportWith({ pipelines }).checks['sinks']).toEqual({
      status: 'unhealthy',
      pipelines: { archive: 'running', away: 'retrying', stuck: 'hung' },
    })
  })

  it('has no check for what the roles do not use', () => {
    const { checks } = reportWith({ database: undefined, workers: undefined, background: undefined })
    expect(Object.keys(checks)).toEqual(['redis'])
  })
})
