import { expect, onTestFinished, test } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { useProxy } from '../../test/support/use-proxy.ts'
import { useLog, useRedis } from '../../test/support/use-redis.ts'
import type { CursorLease } from '../core/source.ts'
import { cursorsKey, sourceLeaseKey } from './keys.ts'
import { RedisStreamLog } from './redis-log.ts'

const { server, admin } = useRedis()
const log = useLog(server)
const proxy = useProxy(server)

async function throughProxy(): Promise<RedisStreamLog> {
  const log = await RedisStreamLog.open({ url: proxy.url('redis'), commandTimeoutMs: 200 })
  onTestFinished(() => log.close())
  return log
}

const never = new AbortController().signal
const nobody = () => {}

test('a cursor is remembered by service and pipeline, whatever they are called', async () => {
  const cursor = '{"file":"ä\u2028.jsonl","offset":9007199254740993}'
  const names = ['intake', '__proto__', 'a:b{c}']
  const at = (service: string, name: string) => log.cursors(service).acquire(name, nobody, never)
  for (const name of names) {
    const lease = await at('shop', name)
    expect(lease.cursor).toBeUndefined()
    expect(await lease.save(cursor + name)).toBe(true)
    await lease.release()
  }
  for (const name of names) {
    for (const [service, expected] of [
      ['shop', cursor + name],
      ['shop:two', undefined],
    ] as const) {
      const lease = await at(service, name)
      expect(lease.cursor).toBe(expected)
      await lease.release()
    }
  }
  const lease = await at('shop', 'intake')
  await lease.save('')
  await lease.release()
  const again = await at('shop', 'intake')
  expect(again.cursor).toBe('')
  await again.release()
})

test('a key that holds something else is an error, and stays as it is', async () => {
  await admin.send(['SET', cursorsKey('other'), 'x'])
  const wrong = { message: expect.stringContaining('WRONGTYPE') as string }
  expect(await failureOf(log.cursors('other').acquire('a', nobody, never))).toMatchObject(wrong)
  await admin.send(['DEL', cursorsKey('other')])
  const lease = await log.cursors('other').acquire('b', nobody, never)
  await admin.send(['SET', cursorsKey('other'), 'x'])
  expect(await failureOf(lease.save('1'))).toMatchObject(wrong)
  expect(await admin.send(['GET', cursorsKey('other')])).toBe('x')
  await lease.release()
})

test('one reads at a time; who waits is told who, and has its turn when that one gives it back', async () => {
  const first = await log.cursors('shop-3').acquire('intake', nobody, never)
  const told: string[] = []
  const waiting = log.cursors('shop-3').acquire('intake', (reader) => told.push(reader), never)
  await until('the news', () => told.length > 0)
  expect(told[0]).toBe(await admin.send(['GET', sourceLeaseKey('shop-3', 'intake')]))
  // Those of other pipelines and services have nothing to do with it.
  for (const [service, name] of [
    ['shop-3', 'other'],
    ['other-3', 'intake'],
  ] as const)
    await (await log.cursors(service).acquire(name, nobody, never)).release()
  await first.save('7')
  await first.release()
  const second = await waiting
  expect(second.cursor).toBe('7')
  expect(await first.save('8')).toBe(false)
  await second.release()
  expect(await admin.send(['EXISTS', sourceLeaseKey('shop-3', 'intake')])).toBe(0)
})

test('who stops while it waits has no lease', async () => {
  const lease = await log.cursors('shop-4').acquire('intake', nobody, never)
  const stopping = new AbortController()
  const waiting = log.cursors('shop-4').acquire('intake', () => stopping.abort(), stopping.signal)
  expect(await failureOf(waiting)).toMatchObject({ name: 'AbortError' })
  await lease.release()
})

test('a lease lasts as long as its reader is heard of; then the next one has it, and the late one moves nothing', async () => {
  const lonely = await throughProxy()
  const leaseMs = 400
  const late = await lonely.cursors('shop-5', leaseMs).acquire('intake', nobody, never)
  let isTaken = false
  const next = log.cursors('shop-5', leaseMs).acquire('intake', nobody, never)
  void next.then(() => (isTaken = true))
  const key = sourceLeaseKey('shop-5', 'intake')
  // It was renewed when it lasts longer than it did before.
  for (let renewals = 0, left = leaseMs; renewals < 8;) {
    const now = Number(await admin.send(['PTTL', key]))
    if (now > left) renewals++
    left = now
  }
  expect([isTaken, late.lost.aborted]).toEqual([false, false])
  proxy.swallow('both')
  const lease = await next
  expect(await lease.save('9')).toBe(true)
  await until('the end by its own clock', () => late.lost.aborted)
  proxy.pass()
  const saved = () => late.save('3').catch(() => undefined)
  await until('an answer', async () => (await saved()) === false)
  expect(lease.lost.aborted).toBe(false)
  await lease.release()
  const last = await log.cursors('shop-5').acquire('intake', nobody, never)
  expect(last.cursor).toBe('9')
  await last.release()
})

test('also of one place for cursors one reads at a time, and no other one saves or releases for it', async () => {
  const cursors = log.cursors('shop-6')
  const first = await cursors.acquire('intake', nobody, never)
  let isBusy = false
  const waiting = cursors.acquire('intake', () => (isBusy = true), never)
  await until('the news', () => isBusy)
  await first.release()
  const second = await waiting
  await first.release()
  expect(await first.save('50')).toBe(false)
  expect(await admin.send(['EXISTS', sourceLeaseKey('shop-6', 'intake')])).toBe(1)
  expect(await second.save('100')).toBe(true)
  await second.release()
})

test('who could not give its lease back need not wait for its own end, and spoils nothing later', async () => {
  const shaky = await throughProxy()
  const cursors = shaky.cursors('shop-7', 600_000)
  const before = await cursors.acquire('intake', nobody, never)
  proxy.swallow('both')
  expect(await failureOf(before.release())).toBeInstanceOf(Error)
  proxy.pass()
  const acquire = () => cursors.acquire('intake', nobody, never).catch(() => undefined)
  let next: CursorLease | undefined
  await until('the connection', async () => (next ??= await acquire()) !== undefined)
  expect(await next!.save('100')).toBe(true)
  expect(await before.save('2')).toBe(false)
  await before.release()
  expect(await next!.save('101')).toBe(true)
  await next!.release()
  const last = await log.cursors('shop-7').acquire('intake', nobody, never)
  expect(last.cursor).toBe('101')
  await last.release()
})
