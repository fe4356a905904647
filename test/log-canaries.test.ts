import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { handle } from '../src/app/app.ts'
import { stream } from '../src/core/stream.ts'
import { openPostgres } from '../src/postgres/open-postgres.ts'
import type { RedisStreamLog } from '../src/redis/redis-log.ts'
import { linesOf, observedService } from './support/observed-service.ts'
import type { RunningService } from './support/running-service.ts'
import { until } from './support/until.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useLog, useRedisServer } from './support/use-redis.ts'
import { useOnce } from './support/use.ts'

/** What must stand in no line, whatever happens to it. */
const CANARY = 'canary'

const redis = useRedisServer()
const server = usePostgres()
const log: RedisStreamLog = useLog(redis)
const postgres = useOnce(
  () => openPostgres({ url: server.url }),
  (it) => it.close(),
)

const users = stream('users', {
  registered: z.object({ email: z.string(), user: z.object({ phone: z.string() }), fault: z.string() }),
})

let service: RunningService | undefined
afterEach(() => service?.stop())

/** How a handler can fail with secrets in its hands. */
const FAULTS: Record<string, () => Promise<unknown>> = {
  url: () => Promise.reject(new Error(`connect redis://ann:${CANARY}@host failed`)),
  cause: () =>
    Promise.reject(new Error('failed', { cause: new Error(`https://a:${CANARY}@b/?token=${CANARY}`) })),
  header: () => Promise.reject(new Error(`refused: authorization: Bearer ${CANARY}.${CANARY}.${CANARY}`)),
  json: async () => JSON.parse(`${CANARY} is no JSON`),
}

const SQL_FAULTS: Record<string, string> = {
  detail: `INSERT INTO people VALUES ('${CANARY}'), ('${CANARY}')`,
  syntax: `SELECT '${CANARY}'::uuid`,
  range: `SELECT '${CANARY}'::timestamptz`,
}

const registration = (fault: string) => ({ email: `${CANARY}@example.org`, user: { phone: CANARY }, fault })

test('no line of a service under traffic and faults holds a secret, a personal field or a payload', async () => {
  const sql = handle(
    users,
    { group: 'sql', retry: { attempts: 2, delayMs: 1 } },
    {
      registered: postgres.inbox.handler(async ({ event }, tx) => {
        const statement = SQL_FAULTS[event.data.fault]
        if (statement === undefined) return
        await tx.query('CREATE TEMPORARY TABLE people (email text PRIMARY KEY) ON COMMIT DROP')
        await tx.query(statement)
      }),
    },
  )
  const app = handle(
    users,
    { group: 'app', retry: { attempts: 2, delayMs: 1 } },
    {
      registered: async (delivery) => {
        const { event, entry } = delivery
        const headers = { authorization: `Bearer ${CANARY}`, cookie: CANARY, 'X-Api-Key': CANARY }
        service!.log.trace({ event, entry, delivery, headers, ...event.data }, 'a registration')
        service!.log.trace({ to: { user: { phone: CANARY } }, list: [{ Email: CANARY }] }, 'a registration')
        await FAULTS[event.data.fault]?.()
      },
    },
  )
  const env = { LOG_REDACT_FIELDS: 'email' }
  service = observedService(
    { redis, postgres: server },
    { streams: [users], handlers: [app, sql], personalFields: ['user.phone'] },
    env,
  )
  await service.service.start()
  const faults = [...Object.keys(FAULTS), ...Object.keys(SQL_FAULTS)]
  for (const fault of [...faults, 'none']) await publish(registration(fault))
  await publish({ email: 1, user: CANARY, [CANARY]: CANARY })
  await service.post(`/api/events/custom?token=${CANARY}`, { [CANARY]: CANARY }, { 'x-api-key': CANARY })
  await service.post('/api/events/custom', CANARY, { 'x-correlation-id': `<${CANARY}>` })
  await log.append('users', [
    { fields: ['type', 'registered', 'data', `{"email": ${CANARY}}`] },
    { fields: ['type', 'registered', 'data', `{"email": 1, "fault": "${CANARY}"}`] },
    { fields: ['type', 'registered', 'data', `"\\u0000 ${CANARY}"`] },
  ])

  const said = (message: string) => linesOf(service!, message)
  // Each fault is a dead letter of one group; what can't be read, or does not fit, is one of both.
  await until(
    'the dead letters',
    () => said('an entry goes to the dead letters').length === faults.length + 2 * 3,
  )
  expect(said('a handler failed and is retried').length).toBeGreaterThanOrEqual(faults.length)
  expect(said('a registration').length).toBeGreaterThan(2 * faults.length)
  expect(said('A request was answered').length).toBeGreaterThan(faults.length)
  expect(service.lines.filter((line) => line.includes(CANARY))).toEqual([])
})

test.each([
  ['Redis', () => ({ REDIS_URL: `redis://ann:${CANARY}@127.0.0.1:1` })],
  [
    'PostgreSQL',
    () => ({ DATABASE_URL: `postgres://ann:${CANARY}@127.0.0.1:1/orders?sslpassword=${CANARY}` }),
  ],
])('nor does one of a service that can not reach %s', async (_, env) => {
  service = observedService({ redis, postgres: server }, {}, { ...env(), MAX_RETRY_ATTEMPTS: '1' })
  await expect(service.service.start()).rejects.toMatchObject({
    code: expect.stringMatching(/_UNAVAILABLE$/),
  })
  expect(linesOf(service, 'Connection attempt 1/1')).not.toEqual([])
  expect(service.lines.filter((line) => line.includes(CANARY))).toEqual([])
})

const publish = (payload: object) => service!.publish('users', 'registered', payload)
