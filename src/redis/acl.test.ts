import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  publisher,
  reader,
  requester,
  responder,
  service,
  worker,
  type Role,
} from '../../test/support/acl-roles.ts'
import { failureOf } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { askRedis, infoOf } from '../engines/ask-redis.ts'
import { startTestCluster, startTestSentinel, type TestServer } from '../engines/test-servers.ts'
import type { RedisOptions } from './connection.ts'
import { openConnection } from './connections/servers.ts'
import { RedisStreamLog } from './redis-log.ts'

const { server, admin } = useRedis()

const document = readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8')

/** What docs/security.md says to run for a user, in words as of a command line. */
function lineFor(user: string): string[] {
  const line = new RegExp(`^ACL SETUSER ${user} .*$`, 'm').exec(document)?.[0]
  if (!line) throw new Error(`docs/security.md has no line for ${user}`)
  return line.replace('>PASSWORD', '>secret').split(' ')
}

const granted = (user: string): string[] =>
  lineFor(user)
    .filter((word) => word.startsWith('+'))
    .map((word) => word.slice(1))

const urlOf = (user: string) => server.url.replace('://', `://${user}:secret@`)

/** One event that its handler can't take, and what the others are there for. */
const ROLES: Record<string, { role: Role; before: Role[] }> = {
  publisher: { role: publisher, before: [] },
  worker: { role: worker, before: [publisher] },
  requester: { role: requester, before: [] },
  responder: { role: responder, before: [] },
  reader: { role: reader, before: [publisher, worker] },
  service: { role: service, before: [] },
}

/**
 * What a walk of a second need not come upon: something that is due, a group that expires, a member that waits for
 * another. That scripts call it is looked up in their sources below.
 */
const RARE: Record<string, string[]> = {
  publisher: [],
  worker: ['hdel', 'hmget', 'pttl', 'xrevrange', 'zscan', 'zscore'],
  requester: ['xtrim'],
  responder: ['hincrby', 'hmget', 'xclaim', 'xrange', 'zscan', 'zscore'],
  reader: ['xread', 'zscore'],
  service: ['lpush', 'lrange', 'ltrim', 'rpush', 'xgroup|createconsumer', 'xgroup|setid', 'zscore'],
}

beforeEach(async () => {
  await admin.send(['FLUSHALL'])
  await admin.send(['XADD', 'orders', '*', 'type', 'bad', 'data', '1'])
})

describe.each(Object.entries(ROLES))('the user "%s" of docs/security.md', (user, { role, before }) => {
  test('can do its work, and was granted nothing that it does not use', async () => {
    for (const other of before) await other(server.url)
    await admin.send(lineFor(user))
    await admin.send(['CONFIG', 'RESETSTAT'])
    await admin.send(['ACL', 'LOG', 'RESET'])
    await role(urlOf(user))
    const stats = await infoOf(server.port, 'commandstats')
    const idle = granted(user).filter((name) => !stats.has(`cmdstat_${name}`))
    expect(idle.filter((name) => !RARE[user]!.includes(name))).toEqual([])
    expect(await admin.send(['ACL', 'LOG'])).toEqual([])
  })

  test.each<[string, string[]]>([
    ['empties the server', ['FLUSHALL']],
    ['lists the keys', ['KEYS', '*']],
    ['reads the configuration', ['CONFIG', 'GET', '*']],
    ['changes it', ['CONFIG', 'SET', 'appendonly', 'no']],
    ['makes users', ['ACL', 'SETUSER', 'eve', 'on', '+@all']],
    ['stops the server', ['SHUTDOWN', 'NOSAVE']],
    ['makes a replica of it', ['REPLICAOF', 'evil.example', '6379']],
    ['looks over shoulders', ['MONITOR']],
    ['listens', ['SUBSCRIBE', 'news']],
    ['reads other keys', ['XRANGE', 'invoices', '-', '+']],
    ['writes other keys', ['XADD', 'invoices', '*', 'a', 'b']],
    ['does so in a script', ['EVAL', `return redis.call('XADD', 'invoices', '*', 'a', 'b')`, '0']],
    ['has a script do what it can not', ['EVAL', `return redis.call('FLUSHALL')`, '0']],
    ['reaches a stream whose name begins the same', ['XADD', 'orders2', '*', 'a', 'b']],
  ])('is refused when it %s', async (_, command) => {
    await admin.send(lineFor(user))
    await admin.send(['SET', 'invoices', 'kept'])
    const connection = await openConnection({ url: urlOf(user) }, 'test')
    const failure = await failureOf(connection.send(command)).finally(() => connection.close())
    expect(failure).toMatchObject({ code: 'REDIS_REFUSED' })
    expect(failure.message).toMatch(/NOPERM|user executing the script can't/)
    expect(await admin.send(['GET', 'invoices'])).toBe('kept')
  })
})

test('who only looks can change nothing', async () => {
  await publisher(server.url)
  await admin.send(lineFor('reader'))
  const log = await RedisStreamLog.open({ url: urlOf('reader') })
  expect((await log.append('orders', [{ fields: ['type', 't'] }]))[0]).toMatchObject({
    code: 'REDIS_REFUSED',
  })
  const { control, holds } = log.operations
  await expect(control.pause('orders', 'g')).rejects.toMatchObject({ code: expect.any(String) })
  await expect(holds.set('orders', 'h', '0-0')).rejects.toMatchObject({ code: 'REDIS_REFUSED' })
  await log.close()
  expect(await admin.send(['XLEN', 'orders'])).toBe(3)
})

describe('more rights, as docs/security.md names them', () => {
  const named = (...rights: string[]) => rights.filter((right) => document.includes(right))
  const account = { username: 'publisher', password: 'secret' }

  /** What the servers refused on the way of an event. */
  async function refusedBy(servers: readonly TestServer[], options: RedisOptions): Promise<unknown[]> {
    const log = await RedisStreamLog.open({ ...options, ...account })
    const [position] = await log.append('orders', [{ fields: ['type', 't'] }])
    await log.close()
    expect(position).toEqual(expect.any(String))
    return (await Promise.all(servers.map(({ port }) => askRedis(port, ['ACL', 'LOG'])))).flat()
  }

  test('do in a cluster', async () => {
    const cluster = await startTestCluster({ masters: 2, replicasPerMaster: 0 })
    const rights = named('+cluster|slots', '+cluster|info', '+asking')
    for (const { port } of cluster.servers) await askRedis(port, [...lineFor('publisher'), ...rights])
    const refused = refusedBy(cluster.servers, { cluster: { nodes: cluster.nodes } })
    expect(await refused.finally(() => cluster.stop())).toEqual([])
  })

  test('do behind Sentinels', async () => {
    const lab = await startTestSentinel({ replicas: 1, sentinels: 1 })
    const { name, nodes, servers, sentinels } = lab
    const rights = named('+sentinel|master', '+sentinel|get-master-addr-by-name', '+client|setname')
    for (const { port } of servers) await askRedis(port, [...lineFor('publisher'), ...named('+role')])
    for (const { port } of sentinels)
      await askRedis(port, ['ACL', 'SETUSER', 'asker', 'on', '>secret', ...rights])
    const sentinel = { name, nodes, username: 'asker', password: 'secret' }
    const refused = refusedBy([...servers, ...sentinels], { sentinel })
    expect(await refused.finally(() => lab.stop())).toEqual([])
  })
})

describe('a right that is missing', () => {
  test('is named, and what to grant', async () => {
    await admin.send([...lineFor('publisher'), '-info'])
    const failure = await failureOf(RedisStreamLog.open({ url: urlOf('publisher') }))
    expect(failure.message).toMatch(/'info' command; grant it \(ACL SETUSER … \+info\): docs\/security.md/)
  })

  test('is looked up where a script lacks it', async () => {
    await admin.send([...lineFor('publisher'), '-xadd'])
    const log = await RedisStreamLog.open({ url: urlOf('publisher') })
    const [result] = await log.append('orders', [{ fields: ['type', 't'], idempotencyKey: 'k' }])
    await log.close()
    expect(result).toMatchObject({ message: expect.stringContaining('ACL LOG 1 says which command') })
    const [entry] = await admin.send<string[][]>(['ACL', 'LOG', '1'])
    expect(entry).toContain('xadd')
  })
})

test('every command of a script is among the rights of the service', () => {
  const rights = new Set(granted('service'))
  const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
  const calls = sources.flatMap((text) => [
    ...text.matchAll(/redis\.p?call\(\s*'([A-Z]+)'(?:, '([A-Z]+)')?/g),
  ])
  expect(calls.length).toBeGreaterThan(100)
  const names = calls.map(([, command = '', second = '']) =>
    /^(XINFO|XGROUP)$/.test(command) ? `${command}|${second}` : command,
  )
  expect([...new Set(names.map((name) => name.toLowerCase()))].filter((name) => !rights.has(name))).toEqual(
    [],
  )
})
