import { afterEach, describe, expect, it } from 'vitest'
import { useRedis } from '../../../test/support/use-redis.ts'
import { REQUEST_LEASE_MS } from '../../core/request-memory.ts'
import { RedisRequestMemory } from './request-memory.ts'

const { admin } = useRedis()
afterEach(async () => void (await admin.send(['FLUSHALL'])))

const KEY = 'millrace:request:k'
const request = { key: 'k', digest: 'd' }
const memory = () => new RedisRequestMemory(admin, {})
/** As if nothing had been heard of whoever runs it. */
const lapse = () => admin.send(['HSET', KEY, 'until', '1'])
const begun = { state: 'begun', requestId: expect.stringMatching(/^[\da-f-]{36}$/) }

describe('a request', () => {
  it('runs once, and is answered alike from then on', async () => {
    expect(await memory().begin(request, 'a')).toEqual(begun)
    expect(await memory().begin(request, 'b')).toEqual({ state: 'running' })
    await memory().finish('k', 'a', '{"body":"\\u0000"}')
    expect(await memory().begin(request, 'b')).toEqual({ state: 'answered', answer: '{"body":"\\u0000"}' })
    const left = await admin.send<number>(['PTTL', KEY])
    expect(left).toBeGreaterThan(500_000)
  })

  it('is begun by one of all that come at the same time', async () => {
    const states = await Promise.all(Array.from({ length: 50 }, (_, n) => memory().begin(request, `o${n}`)))
    expect(states.filter(({ state }) => state === 'begun')).toHaveLength(1)
    expect(states.filter(({ state }) => state === 'running')).toHaveLength(49)
  })

  it('is another one with another digest: while it runs, when it failed, and when it was answered', async () => {
    const other = { key: 'k', digest: 'other' }
    await memory().begin(request, 'a')
    expect(await memory().begin(other, 'b')).toEqual({ state: 'different' })
    await memory().release('k', 'a')
    expect(await memory().begin(other, 'b')).toEqual({ state: 'different' })
    await memory().begin(request, 'a')
    await memory().finish('k', 'a', '1')
    expect(await memory().begin(other, 'b')).toEqual({ state: 'different' })
  })

  it('runs again where it failed or where nothing is heard any more, with the id that it had', async () => {
    const first = await memory().begin(request, 'a')
    await memory().release('k', 'a')
    expect(await memory().begin(request, 'b')).toEqual(first)
    await lapse()
    expect(await memory().begin(request, 'c')).toEqual(first)
    expect(await memory().begin(request, 'd')).toEqual({ state: 'running' })
  })

  it('belongs to whoever took it over: the first one changes nothing any more', async () => {
    await memory().begin(request, 'a')
    await lapse()
    await memory().begin(request, 'b')
    await memory().finish('k', 'a', 'late')
    await memory().release('k', 'a')
    expect(await memory().begin(request, 'c')).toEqual({ state: 'running' })
    await memory().finish('k', 'b', 'mine')
    expect(await memory().begin(request, 'c')).toEqual({ state: 'answered', answer: 'mine' })
  })

  it('goes on to run while that is said, and is kept for so long', async () => {
    await memory().begin(request, 'a')
    await lapse()
    await admin.send(['PEXPIRE', KEY, '2000'])
    await memory().renew('k', 'a')
    expect(await memory().begin(request, 'b')).toEqual({ state: 'running' })
    expect(await admin.send<number>(['PTTL', KEY])).toBeGreaterThan(REQUEST_LEASE_MS / 2)
    await lapse()
    await memory().renew('k', 'somebody else')
    expect(await memory().begin(request, 'b')).toEqual(begun)
  })

  it('is begun by the same one again where the reply was lost', async () => {
    const first = await memory().begin(request, 'a')
    expect(await memory().begin(request, 'a')).toEqual(first)
  })

  it('is forgotten in time: its end does not move with each run', async () => {
    await memory().begin(request, 'a')
    await admin.send(['PEXPIRE', KEY, '50000'])
    await memory().release('k', 'a')
    await memory().begin(request, 'b')
    expect(await admin.send<number>(['PTTL', KEY])).toBeLessThanOrEqual(50_000)
  })

  it('fails where something else has its key, which stays as it is', async () => {
    await admin.send(['SET', KEY, 'mine'])
    await expect(memory().begin(request, 'a')).rejects.toThrow(/the request holds a string/)
    await expect(memory().finish('k', 'a', '1')).rejects.toThrow(/the request holds a string/)
    expect(await admin.send(['GET', KEY])).toBe('mine')
  })
})
