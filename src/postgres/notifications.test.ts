import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { usePostgres } from '../../test/support/use-postgres.ts'
import { useProxy } from '../../test/support/use-proxy.ts'
import { noLog } from '../core/service.ts'
import { Database } from './database.ts'
import { Notifications } from './notifications.ts'
import { queryOnce } from './test-database.ts'

const server = usePostgres()
const proxy = useProxy(server)
let database: Database
let notifications: Notifications
const onNotification = vi.fn()
const onListening = vi.fn()
const warn = vi.fn()
beforeEach(() => {
  vi.clearAllMocks()
  const url = new URL(server.url)
  url.port = String(proxy.port)
  database = new Database({ url: url.href })
  notifications = new Notifications(database, {
    channels: ['one', 'two'],
    onNotification,
    onListening,
    log: { ...noLog, warn },
    pingMs: 200,
  })
})
afterEach(async () => {
  await notifications.stop()
  await database.close()
})

const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 })
const listens = (times: number) => eventually(() => onListening.mock.calls.length).toBe(times)
const tell = (channel: string, payload: string) =>
  queryOnce(server.url, 'SELECT pg_notify($1, $2)', [channel, payload])
const hears = (channel: string, payload: string) =>
  eventually(() => onNotification.mock.calls).toContainEqual([channel, payload])

it('hears what is told on its channels, and nothing else', async () => {
  notifications.start()
  await listens(1)
  await tell('three', 'other')
  await tell('one', '')
  await tell('two', '{"a":"ü"}')
  await hears('two', '{"a":"ü"}')
  expect(onNotification.mock.calls).toEqual([
    ['one', ''],
    ['two', '{"a":"ü"}'],
  ])
})

it('comes back when its connection is cut, and says that it might have missed something', async () => {
  notifications.start()
  for (const round of [1, 2, 3]) {
    await listens(round)
    await tell('one', `round ${round}`)
    await hears('one', `round ${round}`)
    proxy.cut()
  }
  await listens(4)
  expect(warn).toHaveBeenCalledTimes(3)
})

it('notices that its connection fell silent, and takes another one', async () => {
  notifications.start()
  await listens(1)
  proxy.swallow('both')
  await eventually(() => warn.mock.calls.length).toBeGreaterThan(0)
  proxy.pass()
  await listens(2)
  await tell('one', 'again')
  await hears('one', 'again')
  expect(onNotification).toHaveBeenCalledTimes(1)
})

it('leaves no connection behind, also when it never got one', async () => {
  notifications.start()
  await listens(1)
  await notifications.stop()
  const listening = `SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`
  await eventually(async () => (await queryOnce(server.url, listening)).length).toBe(0)
  const nowhere = new Database({ url: 'postgres://127.0.0.1:1/nowhere' })
  const idle = new Notifications(nowhere, {
    channels: ['one'],
    onNotification,
    onListening,
    log: { ...noLog, warn },
  })
  idle.start()
  await eventually(() => warn.mock.calls.length).toBe(1)
  await Promise.all([idle.stop(), idle.stop()])
  await nowhere.close()
  expect(onListening).toHaveBeenCalledTimes(1)
})
