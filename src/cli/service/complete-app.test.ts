import { hostname } from 'node:os'
import { describe, expect, it } from 'vitest'
import { defineApp, type App } from '../../app/app.ts'
import { loadConfig } from '../../config/config.ts'
import { job } from '../../schedule/job.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { completeApp, consumerName } from './complete-app.ts'

const logger = createLogger({
  level: 'fatal',
  format: 'text',
  service: 'test',
  environment: 'development',
  destination: { write: () => {} },
})
const configOf = (env: NodeJS.ProcessEnv) => loadConfig(env, { cwd: '/nowhere', version: '1.0.0' })
const complete = (app: Partial<App>, env: NodeJS.ProcessEnv = {}) =>
  completeApp({ app: defineApp(app), config: configOf(env), env: {}, logger })

const group = (stream: string, options: object) => ({
  stream,
  options: { group: 'g', ...options },
  bind: () => ({ handler: async () => {} }),
})

describe('the app that runs', () => {
  it('has what the configuration says, where it says nothing itself', () => {
    const env = {
      CONCURRENCY: '7',
      HANDLER_ATTEMPTS: '3',
      HANDLER_RETRY_DELAY_MS: '11',
      HANDLER_TIMEOUT_MS: '22',
      POLL_TIMEOUT_MS: '33',
      RETRY_DELAY_MS: '44',
      PENDING_MESSAGE_CLAIM_INTERVAL_MS: '55',
      PENDING_MESSAGE_MIN_IDLE_MS: '66',
    }
    const { handlers } = complete(
      { handlers: [group('a', {}), group('b', { concurrency: 1, retry: { attempts: 9 } })] },
      env,
    )
    expect(handlers[0]!.options).toMatchObject({
      concurrency: 7,
      retry: { attempts: 3, delayMs: 11 },
      handlerTimeoutMs: 22,
      pollMs: 33,
      maxFaultDelayMs: 44,
      claimIntervalMs: 55,
      minIdleMs: 66,
    })
    expect(handlers[1]!.options).toMatchObject({ concurrency: 1, retry: { attempts: 9, delayMs: 11 } })
  })

  it('consumes its own stream, unless a group of the app does', () => {
    const streams = (app: Partial<App>) =>
      complete(app, { STREAM: 'own' }).handlers.map(({ stream }) => stream)
    expect(streams({})).toEqual(['own'])
    expect(streams({ handlers: [group('other', {})] })).toEqual(['other', 'own'])
    expect(streams({ handlers: [group('own', {})] })).toEqual(['own'])
  })

  it('publishes test events at the interval that is configured: every 10 s in development, else never', () => {
    const jobs = (env: NodeJS.ProcessEnv) => complete({}, env).jobs.map(({ schedule }) => schedule)
    expect(jobs({})).toEqual([{ everyMs: 10_000 }])
    expect(jobs({ ENVIRONMENT: 'staging' })).toEqual([])
    expect(jobs({ TEST_EVENT_INTERVAL_MS: '60' })).toEqual([{ everyMs: 60 }])
    expect(() => jobs({ TEST_EVENT_INTERVAL_MS: '49' })).toThrow('TEST_EVENT_INTERVAL_MS')
  })

  it('has its jobs in the zone that is configured, unless they name one', () => {
    const at3 = (timezone?: string) =>
      job(`at 3 ${timezone}`, '0 3 * * *', async () => {}, timezone ? { timezone } : {})
    const { jobs } = complete(
      { jobs: [at3(), at3('Asia/Tokyo')] },
      { TIMEZONE: 'Europe/Berlin', TEST_EVENT_INTERVAL_MS: '0' },
    )
    const winter = Date.UTC(2026, 0, 15)
    const next = jobs.map(({ timetable }) => new Date(timetable.next(winter)!).toISOString())
    expect(next).toEqual(['2026-01-15T02:00:00.000Z', '2026-01-15T18:00:00.000Z'])
  })
})

describe('the name of consumers', () => {
  const nameWith = (env: NodeJS.ProcessEnv) => consumerName(configOf(env))

  it('is that of the configuration, else of the host, and unique', () => {
    expect(nameWith({ CONSUMER_NAME: 'pod-1' })).toMatch(new RegExp(`^pod-1-${process.pid}-[0-9a-f]{8}$`))
    expect(nameWith({})).toContain(`${hostname()}-${process.pid}-`)
    expect(nameWith({})).not.toBe(nameWith({}))
    expect(nameWith({ CONSUMER_NAME: 'x'.repeat(1000) }).length).toBeLessThan(256)
  })
})
