import { beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { holdsKey, RedisHolds } from './holds.ts'

const { admin: connection } = useRedis()
const holds = new RedisHolds(connection)
let stream: string
let streams = 0

beforeEach(() => {
  stream = `a{b}c:${streams++}`
})

const serverNow = async () => {
  const [seconds, micros] = await connection.send<[string, string]>(['TIME'])
  return Number(seconds) * 1_000 + Number(micros) / 1_000
}

describe('a hold', () => {
  test('is set, moved and released by its name', async () => {
    await holds.set(stream, 'backup of {x} 1', '5-0')
    expect(await holds.list(stream)).toEqual([{ name: 'backup of {x} 1', position: '5-0' }])
    expect(await holds.move(stream, 'backup of {x} 1', '6-0')).toBe(true)
    expect(await holds.list(stream)).toEqual([{ name: 'backup of {x} 1', position: '6-0' }])
    expect(await holds.release(stream, 'backup of {x} 1')).toBe(true)
    expect(await holds.release(stream, 'backup of {x} 1')).toBe(false)
    expect(await holds.list(stream)).toEqual([])
  })

  test('ends by itself, and can not be moved any more', async () => {
    await holds.set(stream, 'tail', '5-0', { ttlMs: 1 })
    await until('the hold to end', async () => (await holds.list(stream)).length === 0)
    expect(await holds.move(stream, 'tail', '6-0')).toBe(false)
    expect(await holds.list(stream)).toEqual([])
  })

  test('that is moved lives for its time anew, by the clock of the server', async () => {
    await holds.set(stream, 'tail', '5-0', { ttlMs: 20_000 })
    const before = await serverNow()
    expect(await holds.move(stream, 'tail', '6-0', { ttlMs: 60_000 })).toBe(true)
    const [hold] = await holds.list(stream)
    expect(hold).toMatchObject({ name: 'tail', position: '6-0' })
    expect(hold!.expiresAt! - before).toBeGreaterThan(59_000)
    expect(hold!.expiresAt! - before).toBeLessThan(120_000)
  })

  test('can be written by others, with or without its end; one that can not be read keeps everything', async () => {
    const values = ['7-1', '007-01 9999999999999', '8-0 -', 'garbage', '', '5-0 1']
    await connection.send(['HSET', holdsKey(stream), ...values.flatMap((value, n) => [`hold ${n}`, value])])
    expect((await holds.list(stream)).sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: 'hold 0', position: '7-1' },
      { name: 'hold 1', position: '7-1', expiresAt: 9_999_999_999_999 },
      { name: 'hold 2', position: '8-0' },
      { name: 'hold 3', position: '0-0' },
      { name: 'hold 4', position: '0-0' },
    ])
  })

  test.each<[string, string, number | undefined]>([
    ['no position', '$', undefined],
    ['an injected end', '5-0 1', undefined],
    ['a time to live of 0', '5-0', 0],
    ['a time to live that is no number', '5-0', Number.NaN],
  ])('is refused with %s', async (_, position, ttlMs) => {
    const failure = await failureOf(holds.set(stream, 'h', position, ttlMs === undefined ? {} : { ttlMs }))
    expect(failure.code).toBe('CONFIGURATION_INVALID')
    expect(await holds.list(stream)).toEqual([])
  })
})
