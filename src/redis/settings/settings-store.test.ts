import { afterEach, describe, expect, it } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import type { Service } from '../../core/service.ts'
import { checkSettings } from '../../core/settings-check.ts'
import type { SettingsPatch } from '../../core/settings.ts'
import { openConnection } from '../connections/servers.ts'
import { RedisSettings } from './settings-store.ts'
import { changesKey, settingsKey } from './settings-script.ts'

const { server, admin } = useRedis()
const proxy = useProxy(server)
const ada = { actor: 'ada', reason: 'a test' }
let number = 0
const services: Service[] = []
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop(1_000)))
})

const errors: string[] = []
const log = {
  debug() {},
  info() {},
  warn() {},
  error: (_: object, message: string) => void errors.push(message),
}
const newStore = (service = `orders ${++number} {x}`) => ({
  service,
  store: new RedisSettings(admin, service, { log }),
})

describe('settings in Redis', () => {
  it('are none at first, and none of another service', async () => {
    const { store } = newStore()
    expect(await store.read()).toEqual({ version: 0, settings: {} })
    expect(await store.history()).toEqual({ records: [] })
    await store.change({ 'log.level': 'debug' }, ada)
    expect(await newStore().store.read()).toEqual({ version: 0, settings: {} })
  })

  it('are put together, name by name, and taken away by null', async () => {
    const { service, store } = newStore()
    await store.change({ concurrency: 5, streams: { a: 'paused', b: 'removed' } }, ada)
    await store.change(
      { groups: { a: { g: 1, h: 2 } }, jobs: { j: { cron: '* * * * *', enabled: false } } },
      ada,
    )
    const second = new RedisSettings(admin, service)
    const patch: SettingsPatch = {
      concurrency: null,
      streams: { a: null, c: 'followed' },
      groups: { a: { g: null } },
      jobs: { j: { cron: null } },
    }
    const settings = {
      streams: { b: 'removed', c: 'followed' },
      groups: { a: { h: 2 } },
      jobs: { j: { enabled: false } },
    }
    expect(await second.change(patch, ada)).toEqual({ version: 3, settings })
    expect(await store.read()).toEqual({ version: 3, settings })
    await store.change({ streams: { b: null, c: null }, groups: { a: null }, jobs: null }, ada)
    expect(await store.read()).toEqual({ version: 4, settings: {} })
  })

  it('keep names that mean something to JavaScript', async () => {
    const { store } = newStore()
    const patch = checkSettings(
      JSON.parse('{"streams":{"__proto__":"paused","constructor":"removed","{a}":"paused"}}'),
    )
    await store.change(patch, ada)
    const { settings } = await store.read()
    expect(Object.entries(settings.streams!)).toEqual([
      ['__proto__', 'paused'],
      ['constructor', 'removed'],
      ['{a}', 'paused'],
    ])
  })

  it('refuse a change of another version than expected, and record nothing of it', async () => {
    const { store } = newStore()
    await store.change({ concurrency: 5 }, ada, 0)
    const failure = await failureOf(store.change({ concurrency: 6 }, ada, 0))
    expect(failure).toMatchObject({
      code: 'SETTING_CONFLICT',
      message: expect.stringContaining('version 1, not 0'),
    })
    expect(await store.read()).toEqual({ version: 1, settings: { concurrency: 5 } })
    expect((await store.history()).records).toHaveLength(1)
  })

  it('take all changes made at once, each upon the one before', async () => {
    const { service, store } = newStore()
    const others = [1, 2, 3, 4].map(() => new RedisSettings(admin, service))
    await Promise.all(others.map((one, n) => one.change({ streams: { [`s${n}`]: 'paused' } }, ada)))
    const { version, settings } = await store.read()
    expect(version).toBe(4)
    expect(Object.keys(settings.streams!).toSorted()).toEqual(['s0', 's1', 's2', 's3'])
    const expected = await Promise.allSettled(
      others.map((one, n) => one.change({ concurrency: n + 1 }, ada, 4)),
    )
    expect(expected.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('refuse what adds up to too much', async () => {
    const { store } = newStore()
    const streams = (from: number) =>
      Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`stream-${from + n}`, 'paused' as const]))
    await store.change({ streams: streams(0) }, ada)
    expect(await failureOf(store.change({ streams: streams(600) }, ada))).toMatchObject({
      code: 'SETTING_INVALID',
      message: expect.stringContaining('at most 1000 names'),
    })
  })
})

describe('the record of changes', () => {
  it('says who changed what, why and when, newest first, in pages', async () => {
    const { store } = newStore()
    await store.change({ 'log.level': 'debug', concurrency: 5 }, ada)
    await store.change({ 'log.level': null }, { actor: 'bob@example.com' })
    await store.change({ concurrency: 5 }, ada)
    const { records, next } = await store.history({ limit: 1 })
    expect(records).toEqual([
      {
        id: expect.any(String),
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        version: 2,
        actor: 'bob@example.com',
        reason: '',
        changes: [{ name: 'log.level', from: 'debug', to: null }],
      },
    ])
    const { records: rest } = await store.history({ after: next! })
    expect(rest).toMatchObject([
      {
        version: 1,
        actor: 'ada',
        reason: 'a test',
        changes: [
          { name: 'log.level', from: null, to: 'debug' },
          { name: 'concurrency', from: null, to: 5 },
        ],
      },
    ])
  })

  it('refuses an operator without a name, and a page that there can not be', async () => {
    const { store } = newStore()
    expect(await failureOf(store.change({ concurrency: 1 }, { actor: '' }))).toMatchObject({
      code: 'NAME_INVALID',
    })
    expect(await failureOf(store.history({ limit: 0 }))).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    expect((await store.read()).version).toBe(0)
  })
})

describe('what others wrote into Redis', () => {
  it.each([
    ['log.level', 'no json'],
    ['log.level', '"loud"'],
    ['concurrency', '0'],
    ['streams', '["a"]'],
    ['groups', '{"a":{"g":null}}'],
    ['jobs', '{"j":{"cron":5}}'],
  ])('%s = %s is logged and left out, and can be set anew or taken away', async (name, text) => {
    const { service, store } = newStore()
    await store.change({ batchSize: 7 }, ada)
    await admin.send(['HSET', settingsKey(service), name, text])
    errors.length = 0
    expect(await store.read()).toEqual({ version: 1, settings: { batchSize: 7 } })
    expect(errors).toEqual([expect.stringContaining(name)])
    await store.change({ [name]: null } as SettingsPatch, ada)
    expect(await admin.send(['HEXISTS', settingsKey(service), name])).toBe(0)
  })

  it('a version that is none counts as 0', async () => {
    const { service, store } = newStore()
    await admin.send(['HSET', settingsKey(service), 'version', 'x1', 'concurrency', '3'])
    expect(await store.read()).toEqual({ version: 0, settings: { concurrency: 3 } })
    expect((await store.change({ concurrency: 4 }, ada, 0)).version).toBe(1)
  })

  it('another type in the place of the settings is logged, and a change refused with nothing written', async () => {
    const { service, store } = newStore()
    await admin.send(['SET', settingsKey(service), 'x'])
    expect(await store.read()).toEqual({ version: 0, settings: {} })
    expect(await failureOf(store.change({ concurrency: 4 }, ada))).toMatchObject({ code: 'REDIS_REFUSED' })
    expect(await admin.send(['EXISTS', changesKey(service)])).toBe(0)
  })
})

describe('the watch', () => {
  it('tells of changes, also of those made while Redis could not be reached, and of a call that failed again', async () => {
    const { service, store } = newStore()
    const through = await openConnection({ url: proxy.url('redis'), commandTimeoutMs: 200 }, 'watching')
    try {
      const watching = new RedisSettings(through, service)
      const seen: number[] = []
      let failures = 1
      const watch = watching.watch(async () => {
        const { version } = await watching.read()
        if (version === 1 && failures-- > 0) throw new Error('not now')
        seen.push(version)
      })
      services.push(watch)
      await watch.start()
      await until('the first look', () => seen.includes(0))
      await store.change({ concurrency: 1 }, ada)
      await until('the change', () => seen.includes(1))
      expect(failures).toBe(-1)
      proxy.swallow('both')
      await store.change({ concurrency: 2 }, ada)
      await store.change({ concurrency: 3 }, ada)
      proxy.pass()
      await until('the newest change', () => seen.includes(3))
      expect(seen.filter((version) => version === 1)).toHaveLength(1)
    } finally {
      await through.close()
    }
  })

  it('notices other settings of the same version, as a failover can leave them', async () => {
    const { service, store } = newStore()
    let calls = 0
    const watch = store.watch(async () => void calls++)
    services.push(watch)
    await watch.start()
    await store.change({ concurrency: 1 }, ada)
    await until('the change', () => calls === 2)
    await admin.send(['DEL', settingsKey(service), changesKey(service)])
    await store.change({ concurrency: 2 }, ada)
    const { version } = await store.read()
    await until('the other change', () => calls >= 3)
    expect(version).toBe(1)
  })
})
