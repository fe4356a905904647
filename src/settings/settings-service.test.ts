import { randomUUID } from 'node:crypto'
import { afterEach, expect, it } from 'vitest'
import { failureOf } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import type { SettingValues } from '../core/settings.ts'
import { RedisSettings } from '../redis/settings/settings-store.ts'
import { SettingsService } from './settings-service.ts'

const { admin } = useRedis()
const ada = { actor: 'ada' }
const configured: SettingValues = {
  'log.level': 'info',
  'rateLimit.max': 0,
  'rateLimit.windowMs': 10_000,
  concurrency: 10,
  batchSize: 100,
  groups: { orders: { mailer: 3 } },
  streams: {},
  pipelines: {},
  jobs: {},
}

const opened: SettingsService[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((service) => service.stop(1_000)))
})

function newService() {
  const errors: string[] = []
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (_: object, message: string) => void errors.push(message),
  }
  const service = new SettingsService({ configured, log })
  opened.push(service)
  return { service, errors, store: new RedisSettings(admin, randomUUID()) }
}

it('tells a part the value at once, then each other value once, before a change resolves', async () => {
  const { service, store } = newService()
  const seen: unknown[] = []
  await service.onChange('concurrency', (value) => void seen.push(value))
  await service.open(store)
  await service.change({ concurrency: 20 }, ada)
  expect(seen).toEqual([10, 20])
  await service.change({ 'log.level': 'warn' }, ada)
  await service.change({ concurrency: null }, ada)
  expect(seen).toEqual([10, 20, 10])
})

it('keeps what an operator has set over another configuration, until it is reset', async () => {
  const { service, store } = newService()
  await service.open(store)
  await service.change({ concurrency: 20, groups: { orders: { packer: 5 } } }, ada)
  await service.configure({ ...configured, concurrency: 30, batchSize: 7, groups: { orders: { mailer: 4 } } })
  const groups = { orders: { mailer: 4, packer: 5 } }
  expect(service.values).toMatchObject({ concurrency: 20, batchSize: 7, groups })
  await service.change({ concurrency: null, groups: null }, ada)
  expect(service.values).toMatchObject({ concurrency: 30, groups: { orders: { mailer: 4 } } })
})

it('logs a part that can not follow, and tells the others all the same', async () => {
  const { service, store, errors } = newService()
  const seen: unknown[] = []
  await service.onChange('batchSize', (size) => {
    if (size > 100) throw new Error('too many')
  })
  await service.onChange('batchSize', async (size) => void seen.push(size))
  await service.open(store)
  await service.change({ batchSize: 200 }, ada)
  expect(seen).toEqual([100, 200])
  expect(errors).toEqual(['The setting batchSize could not be applied: too many'])
})

it('can be configured, and not changed, before there is a store', async () => {
  const { service } = newService()
  await service.configure({ ...configured, concurrency: 4 })
  expect(service.values.concurrency).toBe(4)
  expect(await failureOf(service.change({ concurrency: 5 }, ada))).toMatchObject({
    code: 'REDIS_UNAVAILABLE',
  })
  expect(await failureOf(service.describe())).toMatchObject({ code: 'REDIS_UNAVAILABLE' })
  expect(await failureOf(service.history())).toMatchObject({ code: 'REDIS_UNAVAILABLE' })
})
