import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { handleOnce } from '../../src/app/app.ts'
import { stream } from '../../src/core/stream.ts'
import { migrate } from '../../src/postgres/migrations.ts'
import { groupKeys } from '../../src/redis/keys.ts'
import { RunningService } from '../support/running-service.ts'
import { until } from '../support/until.ts'
import { useDatabase, usePostgres } from '../support/use-postgres.ts'
import { useRedis } from '../support/use-redis.ts'

const { server: redis, admin } = useRedis()
const fresh = useDatabase(usePostgres())
const orders = stream('orders', { 'order.placed': z.object({ total: z.number() }) })
const state = groupKeys('orders', 'billing').state

/** What a later version may do to the tables: add to each that there is, and more beside them. */
const LATER = {
  name: '9000-of-a-later-version',
  sql: `
    ALTER TABLE millrace_audit ADD COLUMN region text NOT NULL DEFAULT 'eu';
    ALTER TABLE millrace_inbox ADD COLUMN seen_by text;
    ALTER TABLE millrace_outbox ADD COLUMN priority int NOT NULL DEFAULT 0;
    ALTER TABLE millrace_requests ADD COLUMN region text;
    CREATE INDEX millrace_audit_by_region ON millrace_audit (region, id);
    CREATE TABLE millrace_of_a_later_version (id bigserial PRIMARY KEY)`,
}

let older: RunningService | undefined
afterEach(() => older?.stop())

async function startOlder(): Promise<RunningService> {
  const billing = handleOnce(orders, { group: 'billing' }, { 'order.placed': () => {} })
  const env = { REDIS_URL: redis.url, DATABASE_URL: fresh.url, ROLES: 'api,worker' }
  older = await RunningService.start({ handlers: [billing] }, env)
  return older
}

async function publishes(service: RunningService, total: number): Promise<void> {
  expect((await service.publish('orders', 'order.placed', { total })).status).toBe(201)
  await until('it stands as processed', async () => {
    const events = await service.processed('order.placed')
    return events.some((event) => JSON.stringify(event).includes(`"total":${total}`) && event.processed)
  })
}

describe('an older process', () => {
  test('goes on when a later version changed the tables and wrote to Redis, and starts again with them', async () => {
    const service = await startOlder()
    await publishes(service, 1)

    await migrate(fresh.database, [LATER])
    await admin.send(['HSET', state, 'of-a-later-version', '{"a":1}'])
    await publishes(service, 2)
    await service.stop()

    await publishes(await startOlder(), 3)
    expect(await admin.send(['HGET', state, 'of-a-later-version'])).toBe('{"a":1}')
  })
})

describe('migrations', () => {
  const folder = join(import.meta.dirname, '../../src/postgres/migrations')
  const steps = readdirSync(folder).filter((file) => /^\d{4}-/.test(file))

  test.each(steps)('%s adds, and takes nothing away from an older version', (file) => {
    const text = readFileSync(join(folder, file), 'utf8')
    expect(text).not.toMatch(/\b(?:DROP|RENAME|TRUNCATE|DELETE|SET NOT NULL|ALTER COLUMN)\b/i)
  })
})
