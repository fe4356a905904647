import { describe, expect, test } from 'vitest'
import { fingerprints } from '../../../test/support/fingerprints.ts'
import { failureOf } from '../../../test/support/until.ts'
import { useCluster } from '../../../test/support/use-cluster.ts'
import { useEach } from '../../../test/support/use.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { openConnection } from '../connections/servers.ts'
import { RedisExplain } from '../explain/explain.ts'
import { deadLetterKey, inletKey } from '../keys.ts'
import { RedisStreamCatalogue } from './catalogue.ts'

const { admin } = useRedis()
const catalogue = useEach(
  async () => {
    await admin.send(['FLUSHALL'])
    return new RedisStreamCatalogue(admin)
  },
  async () => {},
)
const add = (...streams: string[]) =>
  Promise.all(streams.map((stream) => admin.send<string>(['XADD', stream, '*', 'a', 'b'])))

describe('the names', () => {
  test('of streams alone, in their order as text, each once', async () => {
    await add('b', 'a', 'C', 'ä', '10', '9')
    await admin.send(['SET', 'text', '1'])
    await admin.send(['HSET', 'hash', 'a', 'b'])
    expect(await catalogue.names()).toEqual(['10', '9', 'C', 'a', 'b', 'ä'])
  })

  test('are all found among many other keys', async () => {
    const fill = `for n = 1, 20000 do redis.call('SET', 'key:' .. n, n) end
      for n = 1, 1000 do redis.call('XADD', 'stream:' .. n, '*', 'a', 'b') end`
    await admin.send(['EVAL', fill, '0'])
    expect(await catalogue.names()).toHaveLength(1_000)
  })

  test('without what Millrace keeps beside them, unless asked', async () => {
    const companions = [deadLetterKey('orders'), inletKey('orders', 'mailer'), '{orders}:actions']
    await add('orders', ...companions)
    expect(await catalogue.names()).toEqual(['orders'])
    expect(await catalogue.names({ companions: true })).toEqual(['orders', ...companions].sort())
  })

  test.each<[string, string[]]>([
    ['user:*', ['user:a', 'user:ä']],
    ['user:?', ['user:a', 'user:ä']],
    ['*a', ['user:a']],
    ['a[b]*', ['a[b]c']],
    ['a\\*', ['a\\x']],
    ['h[^x]llo', []],
    ['', []],
    ['nothing*', []],
    ['*', ['a[b]c', 'a\\x', 'abc', 'hello', 'user:a', 'user:ä']],
  ])('that match %j', async (match, names) => {
    await add('user:a', 'user:ä', 'abc', 'a[b]c', 'a\\x', 'hello')
    expect(await catalogue.names({ match })).toEqual(names)
  })

  test('are looked for until somebody has enough', async () => {
    const enough = new Error('enough')
    expect(await failureOf(catalogue.names({ signal: AbortSignal.abort(enough) }))).toBe(enough)
    await add('one')
    expect(await failureOf(catalogue.list({ signal: AbortSignal.abort(enough) }))).toBe(enough)
  })
})

describe('the list', () => {
  test('tells of each in numbers', async () => {
    const [first] = await add('orders')
    await add('orders', 'orders', deadLetterKey('orders'))
    for (const group of ['fast', 'slow']) await admin.send(['XGROUP', 'CREATE', 'orders', group, '0'])
    for (const [group, count] of [
      ['fast', '3'],
      ['slow', '1'],
    ] as const)
      await admin.send(['XREADGROUP', 'GROUP', group, 'c', 'COUNT', count, 'STREAMS', 'orders', '>'])
    await admin.send(['XACK', 'orders', 'fast', first!])
    const [, , last] = await admin.send<[string][]>(['XRANGE', 'orders', '-', '+'])
    expect(await catalogue.list()).toEqual([
      {
        stream: 'orders',
        length: 3,
        groups: 2,
        consumers: 2,
        pending: 3,
        lag: 2,
        lastEntryAt: Number(last![0].split('-')[0]),
        deadLetters: 1,
      },
    ])
  })

  test('of a stream that never had an entry, and of one that lost all', async () => {
    await admin.send(['XGROUP', 'CREATE', 'empty', 'g', '0', 'MKSTREAM'])
    await admin.send(['XADD', 'trimmed', '7-1', 'a', 'b'])
    await admin.send(['XTRIM', 'trimmed', 'MAXLEN', '0'])
    const none = { length: 0, consumers: 0, pending: 0, lag: 0, deadLetters: 0 }
    expect(await catalogue.list()).toEqual([
      { stream: 'empty', groups: 1, ...none },
      { stream: 'trimmed', groups: 0, lastEntryAt: 7, ...none },
    ])
  })

  test('says unknown where the server can not tell the lag of one group', async () => {
    const ids = await add('s', 's', 's', 's')
    await admin.send(['XGROUP', 'CREATE', 's', 'known', '0'])
    await admin.send(['XGROUP', 'CREATE', 's', 'unknown', ids[0]!])
    await admin.send(['XDEL', 's', ids[2]!])
    expect(await catalogue.list()).toMatchObject([{ lag: 'unknown' }])
  })

  test('leaves out what is deleted meanwhile, and writes nothing', async () => {
    await add('here', 'gone')
    const names = catalogue.names.bind(catalogue)
    const late = new RedisStreamCatalogue(admin)
    late.names = async () => {
      const found = await names()
      await admin.send(['DEL', 'gone'])
      await admin.send(['SET', 'gone', 'something else'])
      return found
    }
    expect(await late.list()).toMatchObject([{ stream: 'here' }])
    const before = await fingerprints(admin)
    await catalogue.list({ companions: true })
    expect(await fingerprints(admin)).toEqual(before)
  })

  test('answers on a replica as well, where nothing can be written', async () => {
    await add('here')
    await admin.send(['REPLICAOF', '127.0.0.1', '1'])
    try {
      expect(await catalogue.list()).toMatchObject([{ stream: 'here', length: 1 }])
    } finally {
      await admin.send(['REPLICAOF', 'NO', 'ONE'])
    }
  })
})

describe('in a cluster', () => {
  const cluster = useCluster({ replicasPerMaster: 0 })

  test('the streams of all masters are found, and their groups explained', async () => {
    const connection = await openConnection({ cluster: { nodes: cluster.nodes } }, 'test')
    try {
      const names = Array.from({ length: 30 }, (_, n) => `stream-${n}`).sort()
      for (const name of names) await connection.send(['XADD', name, '*', 'a', 'b'])
      expect(await new RedisStreamCatalogue(connection).names()).toEqual(names)
      expect(await new RedisStreamCatalogue(connection).list({ match: 'stream-1?' })).toHaveLength(10)
      for (const name of names) await connection.send(['XGROUP', 'CREATE', name, 'g', '0'])
      const explain = new RedisExplain(connection, new RedisStreamCatalogue(connection))
      const verdicts = (await explain.explain({ sampleMs: 1 })).map(({ verdict }) => verdict)
      expect(verdicts).toEqual(names.map(() => 'no-consumers'))
    } finally {
      await connection.close()
    }
  })
})
