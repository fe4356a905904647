import { afterEach, describe, expect, test } from 'vitest'
import type { MillraceError } from '../../src/core/errors.ts'
import { FIRST_POSITION } from '../../src/core/position.ts'
import { askRedis } from '../../src/engines/ask-redis.ts'
import { startTestRedis, type TestServer } from '../../src/engines/test-servers.ts'
import { openConnection } from '../../src/redis/connections/servers.ts'
import { RedisStreamLog, type RedisLogOptions } from '../../src/redis/redis-log.ts'
import { slotOf } from '../../src/redis/slots.ts'
import { MultiStreamWorker } from '../../src/worker/multi-stream-worker.ts'
import { Tally } from '../support/hazard-lab.ts'
import { Traffic } from '../support/traffic.ts'
import { failureOf, until } from '../support/until.ts'
import { openLab } from '../support/use-lab.ts'
import { useCluster } from '../support/use-cluster.ts'
import { GROUP, type Lab } from '../support/worker-lab.ts'

const servers = useCluster()
const IN_FLIGHT = 20
const DURABLE = { replicas: 1, timeoutMs: 2_000 }
const labs: Lab[] = []
const place = () => ({ cluster: { nodes: servers.nodes } })

async function open(options: Partial<RedisLogOptions> = {}, stream?: string): Promise<Lab> {
  const opened = await openLab({ ...place(), offlineTimeoutMs: 30_000, ...options }, stream)
  labs.push(opened)
  return opened
}

afterEach(async () => {
  await Promise.all(servers.servers.map((server) => server.kill('SIGCONT')))
  await Promise.all(labs.splice(0).map((lab) => lab.close()))
  await servers.settled()
})

const masterOf = (stream: string): Promise<TestServer> => servers.masterOf(slotOf(stream))

/** Three masters, in the order of their slots. */
const masters = (): Promise<TestServer[]> =>
  Promise.all([0, 8_000, 16_000].map((slot) => servers.masterOf(slot)))

async function anotherThan(master: TestServer): Promise<TestServer> {
  return (await masters()).find((one) => one !== master)!
}

/** A stream for each master. */
async function spread(name: string): Promise<string[]> {
  const byMaster = new Map<TestServer, string>()
  for (let n = 0; byMaster.size < 3; n++) {
    const master = await masterOf(`${name}:${n}`)
    if (!byMaster.has(master)) byMaster.set(master, `${name}:${n}`)
  }
  return [...byMaster.values()]
}

const entry = (number: number, key?: string) => ({
  fields: ['type', 'number', 'data', String(number)],
  ...(key !== undefined && { idempotencyKey: key }),
})
const append = async (lab: Lab, number: number, key?: string, stream = lab.stream) =>
  (await lab.log.append(stream, [entry(number, key)]))[0]!
const groupOf = async (stream: string): Promise<Map<string, unknown>> => {
  const [row] = (await askRedis((await masterOf(stream)).port, ['XINFO', 'GROUPS', stream])) as unknown[][]
  return new Map(row!.flatMap((part, n) => (n % 2 ? [] : [[String(part), row![n + 1]]])))
}
const all = (command: string[]) => Promise.all(servers.servers.map(({ port }) => askRedis(port, command)))
const successorOf = (stream: string, master: TestServer) =>
  until('another master', async () => [await masterOf(stream)].find((now) => now !== master), 30_000)

describe('a slot that is moved', () => {
  test('with its stream, companions and a large backlog, under load: nothing is lost, the group goes along', async () => {
    const lab = await open()
    const backlog = Array.from({ length: 20_000 }, (_, n) => ({
      fields: ['type', 'x', 'data', String(-1 - n)],
    }))
    await lab.log.append(lab.stream, backlog)
    const busy = new Traffic(lab, DURABLE)
    await busy.start()
    const [from, created] = [await masterOf(lab.stream), (await groupOf(lab.stream)).get('entries-read')]
    const to = await anotherThan(from)
    await servers.migrateSlot(slotOf(lab.stream), to)
    await busy.flows()
    await servers.migrateSlot(slotOf(lab.stream), from)
    await busy.flows()
    await busy.stop()
    expect(await busy.lost()).toEqual([])
    expect(busy.refused).toEqual([])
    expect(busy.repeated.length).toBeLessThanOrEqual(IN_FLIGHT)
    expect(busy.attempts).toEqual(new Set([1]))
    expect(Number((await groupOf(lab.stream)).get('entries-read'))).toBeGreaterThan(Number(created))
  })

  test('half of the way: what needs one key goes to where it is, what needs several waits, and is written once', async () => {
    const lab = await open({ offlineTimeoutMs: 1_000 })
    await append(lab, 0)
    const migration = await servers.beginMigration(
      slotOf(lab.stream),
      await anotherThan(await masterOf(lab.stream)),
    )
    // Of the keys of this call the stream is there, and the idempotency key is nowhere: TRYAGAIN.
    const waiting = (await append(lab, 1, 'first')) as MillraceError
    expect(waiting).toMatchObject({ code: 'REDIS_REFUSED', message: expect.stringContaining('TRYAGAIN') })
    expect(typeof (await append(lab, 2))).toBe('string')
    await migration.moveKeys()
    expect(typeof (await append(lab, 3))).toBe('string') // ASK
    expect(await append(lab, 4, 'second')).toMatchObject({ code: 'REDIS_REFUSED' })
    const patient = await open({}, lab.stream)
    const written = append(patient, 5, 'third')
    const fresh = `{${lab.stream}}:other` // there was no key of that name yet
    expect(typeof (await append(lab, 6, undefined, fresh))).toBe('string')
    await migration.finish()
    expect(typeof (await written)).toBe('string')
    const entries = await lab.log.read(lab.stream, FIRST_POSITION, 10)
    expect(entries.map(({ fields }) => fields[3])).toEqual(['0', '2', '3', '5'])
  })

  test.each(['the stream before its companions', 'the companions before their stream'])(
    '%s: the group is not made anew, its readers come along, and all of it runs once',
    async (order) => {
      const lab = await open()
      const tally = new Tally()
      const worker = await lab.start(tally.count)
      const before = await lab.publish(20)
      await until('the first ones', () => worker.status.processed === 20)
      const [from, slot] = [await masterOf(lab.stream), slotOf(lab.stream)]
      const to = await anotherThan(from)
      const migration = await servers.beginMigration(slot, to)
      const keys = (
        (await askRedis(from.port, ['CLUSTER', 'GETKEYSINSLOT', String(slot), '100'])) as string[]
      ).map(String)
      expect(keys.length).toBeGreaterThan(1)
      const first = order.startsWith('the stream') ? [lab.stream] : keys.filter((key) => key !== lab.stream)
      await askRedis(from.port, ['MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...first])
      const during = await append(lab, 100)
      expect(typeof during).toBe('string')
      await until('a refusal', async () =>
        /TRYAGAIN/.test(String(await askRedis(from.port, ['INFO', 'errorstats']))),
      )
      await migration.finish()
      const after = await lab.publish(20)
      await until('all', () => tally.has([...before, during as string, ...after]))
      await until('the settlement', async () => (await groupOf(lab.stream)).get('pending') === 0)
      expect([...tally.attempts.values()].filter(({ length }) => length > 1).length).toBe(0)
      expect((await groupOf(lab.stream)).get('entries-read')).toBe(41)
    },
  )

  test('to a node that had none, and from one that leaves then: sockets follow', async () => {
    const lab = await open()
    const busy = new Traffic(lab)
    await busy.start()
    const [home, slot] = [await masterOf(lab.stream), slotOf(lab.stream)]
    const joining = await startTestRedis({
      args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
    })
    const everybody = [...servers.servers, joining]
    try {
      const [, bus] = (await askRedis(home.port, ['CONFIG', 'GET', 'cluster-port'])) as string[]
      await askRedis(joining.port, ['CLUSTER', 'MEET', '127.0.0.1', String(home.port), bus!])
      for (const { port } of everybody) await until('all to know all', async () => knownTo(port, everybody))
      await until('it to be part', async () =>
        String(await askRedis(joining.port, ['CLUSTER', 'INFO'])).includes('cluster_state:ok'),
      )
      await moveSlot(slot, home, joining, everybody)
      await busy.flows()
      expect(await clientsOf(joining)).toBeGreaterThan(0)
      await moveSlot(slot, joining, home, everybody)
      await busy.flows()
      await until(
        'no socket to it',
        async () => (await clientsOf(joining, /name=millrace-(?!cluster)/g)) === 0,
      )
    } finally {
      const id = String(await askRedis(joining.port, ['CLUSTER', 'MYID']))
      await joining.stop()
      await all(['CLUSTER', 'FORGET', id])
    }
    await busy.flows()
    await busy.stop()
    expect(await busy.lost()).toEqual([])
    expect(busy.attempts).toEqual(new Set([1]))
  })

  async function knownTo(port: number, everybody: TestServer[]): Promise<boolean> {
    const nodes = String(await askRedis(port, ['CLUSTER', 'NODES']))
    return everybody.every((one) => nodes.includes(`:${one.port}@`)) && !/handshake|disconnected/.test(nodes)
  }

  /** The lab moves slots between servers of its own only. */
  async function moveSlot(
    slot: number,
    from: TestServer,
    to: TestServer,
    everybody: TestServer[],
  ): Promise<void> {
    const [source, target] = await Promise.all(
      [from, to].map(({ port }) => askRedis(port, ['CLUSTER', 'MYID'])),
    )
    const set = (server: TestServer, ...how: string[]) =>
      askRedis(server.port, ['CLUSTER', 'SETSLOT', String(slot), ...how])
    await set(to, 'IMPORTING', String(source))
    await set(from, 'MIGRATING', String(target))
    for (;;) {
      const keys = (await askRedis(from.port, ['CLUSTER', 'GETKEYSINSLOT', String(slot), '100'])) as string[]
      if (keys.length === 0) break
      await askRedis(from.port, [
        'MIGRATE',
        '127.0.0.1',
        String(to.port),
        '',
        '0',
        '5000',
        'KEYS',
        ...keys.map(String),
      ])
    }
    // Replicas refuse it, and learn it from their masters.
    for (const server of [to, from, ...everybody]) await set(server, 'NODE', String(target)).catch(() => {})
  }
})

async function clientsOf({ port }: TestServer, ours = /name=millrace/g): Promise<number> {
  const list = String(await askRedis(port, ['CLIENT', 'LIST']))
  return [...list.matchAll(ours)].length
}

describe('a failover', () => {
  test.each(['killed', 'frozen and thaws', 'told to step down'])(
    'of a master that is %s: nothing that was accepted then is lost, nor with durability before',
    async (fault) => {
      const [plain, durable] = [new Traffic(await open()), new Traffic(await open(), DURABLE)]
      await Promise.all([plain.start(), durable.start()])
      const stream = [...labs][0]!.stream
      const master = await masterOf(stream)
      if (fault === 'killed') await master.kill('SIGKILL')
      else if (fault.startsWith('frozen')) await master.kill('SIGSTOP')
      else await servers.failover(master)
      await successorOf(stream, master)
      const switched = performance.now()
      await plain.flows()
      if (fault === 'killed') await master.restart()
      if (fault.startsWith('frozen')) await master.kill('SIGCONT')
      await servers.settled()
      await Promise.all([plain.flows(), durable.flows()])
      await Promise.all([plain.stop(), durable.stop()])
      const lost = await plain.lost()
      expect(lost.filter((number) => plain.accepted.get(number)!.to > switched)).toEqual([])
      expect(await durable.lost()).toEqual([])
      expect(plain.repeated.length + durable.repeated.length).toBeLessThanOrEqual(2 * IN_FLIGHT)
      expect(new Set([...plain.attempts, ...durable.attempts])).toEqual(new Set([1]))
    },
  )

  test('of one master in the middle of a list of dead letters: the next page goes on, and leaves out none', async () => {
    const lab = await open()
    const streams = await spread('letters')
    const { operations } = lab.log as RedisStreamLog
    for (const stream of streams) {
      const failing = await open({}, stream)
      await failing.start(() => Promise.reject(new Error('broken')), { retry: { attempts: 1 } })
      await failing.publish(1)
    }
    const found = async () => {
      const page = await operations.deadLetters.streams()
      return streams.every((name) => page.streams.some(({ stream }) => stream === name))
    }
    await until('the letters', found)
    const [first] = await masters()
    await servers.failover(first!)
    // Until the change is noticed the cursor goes on where it was, on the same server.
    const page = async () => {
      const { streams: rest } = await operations.deadLetters.streams(`0:4711:127.0.0.1:${first!.port}`)
      return streams.every((name) => rest.some(({ stream }) => stream === name))
    }
    expect(await until('all of it from the successor', page)).toBe(true)
  })
})

describe('on all masters at once', () => {
  test('streams are registered, consumed by one worker, fail and are redriven, also where one master forgot its scripts', async () => {
    const lab = await open()
    const log = lab.log as RedisStreamLog
    const { operations } = log
    const streams = await spread('all')
    const worker = new MultiStreamWorker(log)
    let broken = true
    const tally = new Tally()
    const retry = { attempts: 2, delayMs: 1 }
    for (const stream of streams) {
      const handler = (delivery: { position: string; attempt: number }) => {
        if (broken) throw new Error('broken')
        tally.count(delivery)
      }
      worker.add({ stream, group: GROUP, handler, retry })
    }
    await worker.start()
    try {
      for (const [n, stream] of streams.entries()) {
        await log.register(stream)
        await log.append(stream, [entry(n)])
      }
      expect(new Set(await log.registered())).toEqual(new Set(streams))
      expect(await log.ping()).toBeLessThan(5_000)
      const letters = (stream: string) =>
        log.read(log.deadLetterStream(stream), FIRST_POSITION, 10).catch(() => [])
      for (const stream of streams) await until('a letter', async () => (await letters(stream)).length === 1)
      broken = false
      const [, { port }] = (await masters()) as [TestServer, TestServer]
      await askRedis(port, ['SCRIPT', 'FLUSH'])
      for (const stream of streams)
        expect(await operations.deadLetters.redrive(stream, { filter: {} }, { actor: 'test' })).toMatchObject(
          { done: 1 },
        )
      await until('the redriven', () => tally.attempts.size === 3)
      for (const stream of streams) {
        const [tailed] = await log.read(stream, FIRST_POSITION, 10, { waitMs: 10 })
        expect(tailed!.fields).toContain('number')
      }
    } finally {
      await worker.stop(1_000)
    }
  })

  test('what a handler produces must be in the slot of its stream; elsewhere it is refused with a reason', async () => {
    const lab = await open()
    const errors: Error[] = []
    await lab.start((delivery) => {
      try {
        delivery.produce('elsewhere', ['type', 'x', 'data', '1'])
      } catch (error) {
        errors.push(error as Error)
      }
      delivery.produce(`{${lab.stream}}:beside`, ['type', 'x', 'data', '1'])
    })
    await lab.publish(1)
    const beside = `{${lab.stream}}:beside`
    await until('the effect', () => lab.log.read(beside, FIRST_POSITION, 1))
    expect(errors[0]!.message).toMatch(/slot|hash tag|\{/)
  })
})

describe('a cluster that is not as it should be', () => {
  test('allkeys-lru on one master refuses; a URL of a node says what to give instead', async () => {
    const [, second] = await masters()
    await askRedis(second!.port, ['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru'])
    const refused = await failureOf(open())
    await askRedis(second!.port, ['CONFIG', 'SET', 'maxmemory-policy', 'noeviction'])
    expect(refused).toMatchObject({
      code: 'REDIS_UNSUITABLE',
      message: expect.stringContaining('allkeys-lru'),
    })
    const url = await failureOf(RedisStreamLog.open({ url: second!.url }))
    expect(url).toMatchObject({ code: 'REDIS_UNSUITABLE', message: expect.stringContaining('cluster.nodes') })
  })

  test('a user that may not ask for the slots, or gave a wrong password, learns so', async () => {
    await all(['ACL', 'SETUSER', 'bare', 'on', '>canary-4711', '~*', '&*', '+@all', '-cluster'])
    await all([
      'ACL',
      'SETUSER',
      'slots',
      'on',
      '>canary-4711',
      '~*',
      '&*',
      '+@all',
      '-cluster',
      '+cluster|slots',
    ])
    const failure = await failureOf(open({ username: 'bare', password: 'canary-4711' }))
    expect(failure).toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      message: expect.stringMatching(/NOPERM.*Grant/),
    })
    const wrong = await failureOf(open({ username: 'bare', password: 'canary-0815' }))
    expect(wrong.message).toMatch(/WRONGPASS.*Are the user and the password right/)
    expect(failure.message + wrong.message).not.toContain('canary')
    const lab = await open({ username: 'slots', password: 'canary-4711' })
    expect(typeof (await append(lab, 1))).toBe('string')
  })

  test('none of the nodes of the options there, but others: connections live, and stop leaves none behind', async () => {
    const [first] = servers.servers
    const lab = await open({ cluster: { nodes: [`127.0.0.1:${first!.port}`] } })
    const busy = new Traffic(lab)
    await busy.start()
    const connection = await openConnection(place(), 'millrace-test')
    await connection.send(['PING'])
    await first!.kill('SIGKILL')
    await busy.flows()
    await first!.restart()
    await servers.settled()
    await busy.flows()
    await busy.stop()
    await Promise.all([lab.close(), connection.close()])
    labs.splice(0)
    const counts = () => Promise.all(servers.servers.map((server) => clientsOf(server)))
    await until('no connection', async () => (await counts()).every((count) => count === 0))
    expect(busy.attempts).toEqual(new Set([1]))
  })

  test('CLUSTERDOWN, and a restart of every server on its port, are waited out', async () => {
    const lab = await open()
    const tally = new Tally()
    await lab.start(tally.count)
    const before = await lab.publish(5)
    await until('the first ones', () => tally.has(before))
    await Promise.all(servers.servers.map((server) => server.kill('SIGKILL')))
    // With a key: the connection may not know yet that its server is dead, and what was sent is sent again with one alone.
    const waiting = append(lab, 1, 'waiting')
    await Promise.all(servers.servers.map((server) => server.restart()))
    const position = await waiting
    expect(typeof position).toBe('string')
    await until('the run', () => tally.has([position as string]), 30_000)
    expect(tally.attempts.get(position as string)).toEqual([1])
  })
})
