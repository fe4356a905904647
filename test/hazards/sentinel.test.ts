import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MillraceError } from '../../src/core/errors.ts'
import { askRedis } from '../../src/engines/ask-redis.ts'
import type { TestServer } from '../../src/engines/test-servers.ts'
import { openConnection } from '../../src/redis/connections/servers.ts'
import { RedisStreamLog, type RedisLogOptions } from '../../src/redis/redis-log.ts'
import { startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { Traffic } from '../support/traffic.ts'
import { failureOf, until } from '../support/until.ts'
import { openLab } from '../support/use-lab.ts'
import { useSentinel } from '../support/use-sentinel.ts'
import type { Lab } from '../support/worker-lab.ts'

const servers = useSentinel({ eager: true })
/** All of them: with fewer, a failover may choose one that has not got it. */
const DURABLE = { replicas: 2, timeoutMs: 2_000 }
/** What runs, and what is settled, at one moment. */
const IN_FLIGHT = 20
const labs: Lab[] = []

const place = () => ({ sentinel: { name: servers.name, nodes: servers.nodes } })

async function open(options: Partial<RedisLogOptions> = {}): Promise<Lab> {
  const opened = await openLab({ ...place(), offlineTimeoutMs: 30_000, ...options })
  labs.push(opened)
  return opened
}

async function traffic(durability?: { replicas: number; timeoutMs: number }): Promise<Traffic> {
  const busy = new Traffic(await open(), durability)
  await busy.start()
  return busy
}

/** Waits until the Sentinels have another master, and answers it. */
const successorOf = (master: TestServer): Promise<TestServer> =>
  until('another master', async () => [await servers.master()].find((now) => now !== master), 30_000)

const everywhere = () => [...servers.servers, ...servers.sentinels]

beforeEach(() => servers.settled())
afterEach(async () => {
  await Promise.all(everywhere().map((server) => server.kill('SIGCONT')))
  await Promise.all(labs.splice(0).map((lab) => lab.close()))
  await untilNoneIsLeft()
})

describe('with a master that is killed', () => {
  test('nothing that was accepted with durability is lost, and nothing runs twice that was not in flight', async () => {
    const busy = await traffic(DURABLE)
    const master = await servers.master()
    await master.kill('SIGKILL')
    await successorOf(master)
    await master.restart()
    await servers.settled()
    await busy.flows()
    await busy.stop()
    expect(await busy.lost()).toEqual([])
    expect(busy.repeated.length).toBeLessThanOrEqual(IN_FLIGHT)
    expect(busy.attempts).toEqual(new Set([1]))
    expect(new Set(busy.refused.map(({ code }) => code))).not.toContain('PUBLISH_FAILED')
  })

  test('a worker stops in time while no master is there', async () => {
    const lab = await open()
    const worker = await lab.start(() => {})
    const master = await servers.master()
    await master.kill('SIGKILL')
    const start = performance.now()
    await worker.stop(1_000)
    expect(performance.now() - start).toBeLessThan(5_000)
    await master.restart()
  })
})

describe('with a master that is frozen, and thaws when there is another one', () => {
  test('nothing that was accepted after the switch is lost, nor with durability before it', async () => {
    const [plain, durable] = [await traffic(), await traffic(DURABLE)]
    const master = await servers.master()
    await master.kill('SIGSTOP')
    await successorOf(master)
    const switched = performance.now()
    await plain.flows()
    await master.kill('SIGCONT')
    await servers.settled()
    await Promise.all([plain.flows(), durable.flows()])
    await Promise.all([plain.stop(), durable.stop()])
    const lost = await plain.lost()
    // What a master took before it was frozen, and had not told its replicas, is what no client can bring back.
    expect(lost.filter((number) => plain.accepted.get(number)!.to > switched)).toEqual([])
    expect(await durable.lost()).toEqual([])
    expect(plain.repeated.length + durable.repeated.length).toBeLessThanOrEqual(2 * IN_FLIGHT)
  })

  test('it is not written to, also where it says that it is the master still, with min-replicas-to-write', async () => {
    const all = (...command: string[]) =>
      Promise.all(servers.servers.map(({ port }) => askRedis(port, command)))
    await all('CONFIG', 'SET', 'min-replicas-to-write', '1')
    await all('CONFIG', 'SET', 'min-replicas-max-lag', '1')
    const busy = await traffic()
    const master = await servers.master()
    await master.kill('SIGSTOP')
    await successorOf(master)
    await busy.flows()
    await master.kill('SIGCONT')
    await servers.settled()
    await busy.flows()
    await busy.stop()
    expect(await busy.lost()).toEqual([])
    await all('CONFIG', 'SET', 'min-replicas-to-write', '0')
  })
})

test('a failover by command under load loses nothing that was accepted with durability', async () => {
  const busy = await traffic(DURABLE)
  await servers.failover()
  await busy.flows()
  await busy.stop()
  expect(await busy.lost()).toEqual([])
  expect(busy.repeated.length).toBeLessThanOrEqual(IN_FLIGHT)
  expect(busy.attempts).toEqual(new Set([1]))
})

/** Of the servers and Sentinels that answer. */
const clients = async (): Promise<string[]> => (await Promise.all(everywhere().map(clientsOf))).flat()

async function clientsOf({ port }: TestServer): Promise<string[]> {
  const list = String(await askRedis(port, ['CLIENT', 'LIST']).catch(() => ''))
  return [...list.matchAll(/^id=(\d+) [^\n]*name=millrace/gm)].map(([, id]) => id!)
}

const untilNoneIsLeft = () => until('no connection of ours', async () => (await clients()).length === 0)

describe('connections', () => {
  test('that were closed leave nothing behind, on servers and on Sentinels', async () => {
    const [lab, connection] = [await open(), await openConnection(place(), 'millrace-test')]
    await lab.start(() => {})
    await lab.log.append(lab.stream, [{ fields: ['a', 'b'], durability: DURABLE }])
    await connection.send(['PING'])
    const clients = async () =>
      (await Promise.all(everywhere().map(clientsOf))).filter(({ length }) => length > 0)
    expect((await clients()).length).toBeGreaterThanOrEqual(4)
    await Promise.all([lab.close(), connection.close()])
    expect(await untilNoneIsLeft()).toBe(true)
    labs.splice(0)
  })

  test('that are half open, behind addresses that were mapped, are noticed and replaced', async () => {
    const proxies = await Promise.all(servers.servers.map(({ port }) => startFaultProxy({ port })))
    try {
      const pairs = servers.servers.map(({ port }, n) => [
        `127.0.0.1:${port}`,
        `127.0.0.1:${proxies[n]!.port}`,
      ])
      const lab = await open({ addressMap: Object.fromEntries(pairs), commandTimeoutMs: 500 })
      const busy = new Traffic(lab)
      await busy.start()
      for (const proxy of proxies) proxy.swallow('both')
      await until('a loss', () => failing(lab))
      for (const proxy of proxies) proxy.pass()
      await busy.flows()
      await busy.stop()
      expect(await busy.lost()).toEqual([])
      expect(busy.attempts).toEqual(new Set([1]))
    } finally {
      await Promise.all(proxies.map((proxy) => proxy.stop()))
    }
  })

  const failing = (lab: Lab): Promise<boolean> =>
    (lab.log as RedisStreamLog).ping().then(
      () => false,
      (error: MillraceError) => error.code.startsWith('REDIS_'),
    )
})

describe('Sentinels', () => {
  test('that do not know the master, or don’t let us in, or are none, are told of clearly', async () => {
    const { nodes, name } = place().sentinel
    const failure = async (sentinel: NonNullable<RedisLogOptions['sentinel']>) =>
      (await failureOf(RedisStreamLog.open({ sentinel }))).message
    expect(await failure({ name: 'other', nodes })).toMatch(
      /No such master.*Is that what the Sentinels call it/,
    )
    const wrong = { name, nodes, username: 'nobody', password: 'canary-4711' }
    const message = await failure(wrong)
    expect(message).toMatch(/WRONGPASS.*Are the user and the password right/)
    expect(message).not.toContain('canary')
    const none = servers.servers.map(({ port }) => `127.0.0.1:${port}`)
    expect(await failure({ name, nodes: none })).toMatch(/nodes of a sentinel are those of the Sentinels/)
    const url = await failureOf(RedisStreamLog.open({ url: `redis://${nodes[0]}` }))
    expect(url).toMatchObject({ code: 'REDIS_UNSUITABLE', message: expect.stringContaining('is a Sentinel') })
  })

  test('one that slept through a failover, and is the only one to answer, leads nobody back', async () => {
    const busy = await traffic(DURABLE)
    const [first, second, sleeper] = servers.sentinels
    const former = await servers.master()
    await sleeper!.kill('SIGKILL')
    await until('a failover', () => askRedis(first!.port, ['SENTINEL', 'FAILOVER', servers.name]))
    await successorOf(former)
    await busy.flows()
    const ids = await clientIds()
    await Promise.all([first!.kill('SIGSTOP'), second!.kill('SIGSTOP')])
    await sleeper!.restart()
    const before = await askRedis(sleeper!.port, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', servers.name])
    expect(before).toEqual(['127.0.0.1', String(former.port)])
    await busy.flows()
    await sleep(1_500) // longer than it takes to ask it
    await busy.flows()
    const after = await clientIds()
    expect(after.filter((id) => ids.includes(id))).toEqual(ids)
    await Promise.all([first!.kill('SIGCONT'), second!.kill('SIGCONT')])
    await busy.stop()
    expect(await busy.lost()).toEqual([])
  })

  test('that are gone, one after the other, end no connection; a new one says what is wrong', async () => {
    const busy = await traffic()
    const [first, second, third] = servers.sentinels
    await first!.kill('SIGSTOP')
    await open()
    await second!.kill('SIGKILL')
    await open()
    await busy.flows()
    await third!.kill('SIGKILL')
    await busy.flows()
    const error = await failureOf(open())
    expect(error).toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      message: expect.stringContaining('no Sentinel says'),
    })
    expect(error.message).toContain('ECONNREFUSED')
    await busy.flows()
    await busy.stop()
    expect(await busy.lost()).toEqual([])
    await Promise.all([second!.restart(), third!.restart()])
  })

  /** Of our connections to the master. */
  async function clientIds(): Promise<string[]> {
    const now = await Promise.all(servers.servers.map(clientsOf))
    return now.flat().sort()
  }
})
