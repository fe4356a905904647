import { expect, test } from 'vitest'
import { useRedis } from '../../../test/support/use-redis.ts'
import { groupKeys } from '../keys.ts'
import { RedisGroupMembers } from './members.ts'
import { ada, pendingOf } from './members-lab.ts'

const COUNT = 200_000
const { admin } = useRedis()
const members = new RedisGroupMembers(admin)
const options = { ...ada, minIdleMs: 0 }

/** 200,000 pending entries of one consumer among 1000, in a group that Millrace reads for. */
async function fill(stream: string): Promise<void> {
  const add = `for n = ARGV[1], ARGV[2] do redis.call('XADD', KEYS[1], n .. '-1', 'a', 'b') end`
  for (let from = 1; from <= COUNT; from += 10_000)
    await admin.send(['EVAL', add, '1', stream, String(from), String(from + 9_999)])
  await admin.send(['XGROUP', 'CREATE', stream, 'group', '0'])
  for (let n = 0; n < COUNT / 10_000; n++)
    await admin.send(['XREADGROUP', 'GROUP', 'group', 'dead', 'COUNT', '10000', 'STREAMS', stream, '>'])
  const create = `for n = 1, 1000 do redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], 'group', 'consumer-' .. n) end`
  await admin.send(['EVAL', create, '1', stream])
  await admin.send(['HSET', groupKeys(stream, 'group').state, 'low', '0-0'])
}

/**
 * How long a call took in the middle of them all, in µs: a busy machine halts some of them, and what looks at too much
 * does so with every call.
 */
async function usualTimeOf(work: () => Promise<unknown>): Promise<number> {
  await admin.send(['CONFIG', 'SET', 'slowlog-log-slower-than', '0', 'slowlog-max-len', '100000'])
  await admin.send(['SLOWLOG', 'RESET'])
  await work()
  const rows = await admin.send<[number, number, number, string[]][]>(['SLOWLOG', 'GET', '100000'])
  // What a script calls is in the log as well.
  const scripts = rows.filter(([, , , [command]]) => command!.startsWith('EVAL'))
  const times = scripts.map(([, , micros]) => micros).sort((a, b) => a - b)
  return times[times.length >> 1]!
}

test('no deed holds others up for 5 ms, however much is pending', { timeout: 120_000 }, async () => {
  const stream = 'large'
  await fill(stream)
  const group = [stream, 'group'] as const
  const positionsFrom = (first: number) => Array.from({ length: 1_000 }, (_, n) => `${n * 190 + first}-1`)
  const rounds = async (deed: (positions: string[]) => Promise<unknown>) => {
    for (let round = 1; round <= 10; round++) await deed(positionsFrom(round))
  }
  const all = async (deed: Promise<{ done: number }>, done: number) =>
    expect(await deed).toMatchObject({ done, missing: 0, trimmed: 0 })

  const deeds: Record<string, () => Promise<unknown>> = {
    look: () =>
      rounds(async () => {
        await members.consumers(...group)
        await members.pending(...group, { minIdleMs: 3_600_000 }, { limit: 1_000 })
        await members.pending(...group, {}, { limit: 1_000, after: '100000-1' })
      }),
    claim: () => rounds((positions) => members.claim(...group, { positions }, 'consumer-1', options)),
    release: () => rounds((positions) => members.release(...group, { positions }, options)),
    acknowledge: () => rounds((positions) => members.acknowledge(...group, { positions }, options)),
    'release all': () => all(members.release(...group, { consumer: 'dead' }, options), 190_000),
    'claim all': () => all(members.claim(...group, { consumer: '~retry' }, 'consumer-2', options), 190_000),
    'acknowledge all': () => all(members.acknowledge(...group, { consumer: 'consumer-2' }, options), 190_000),
  }
  const times: [name: string, micros: number][] = []
  for (const [name, deed] of Object.entries(deeds)) times.push([name, await usualTimeOf(deed)])
  expect(await pendingOf(admin, stream)).toEqual([])
  expect(times.filter(([, micros]) => micros > 5_000)).toEqual([])
})
