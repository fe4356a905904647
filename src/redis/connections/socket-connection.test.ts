import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import { useRedisServer } from '../../../test/support/use-redis.ts'
import type { MillraceError } from '../../core/errors.ts'
import { noLog } from '../../core/service.ts'
import { startTestRedis } from '../../engines/test-servers.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import type { ConnectionOptions } from '../connection.ts'
import { PatientConnection } from './patient.ts'
import { openConnection } from './servers.ts'
import { routeTo, SocketConnection } from './socket-connection.ts'

const server = useRedisServer()
const proxy = useProxy(server)
let opened: SocketConnection[]

beforeEach(() => {
  opened = []
})
afterEach(() => Promise.all(opened.map((connection) => connection.close())))

async function open(options: Partial<ConnectionOptions> = {}): Promise<SocketConnection> {
  const connection = await openConnection({ url: proxy.url('redis'), ...options }, 'test')
  if (!(connection instanceof SocketConnection)) throw new Error('one server has one socket')
  opened.push(connection)
  return connection
}

const works = (connection: SocketConnection) => until('a reply', () => connection.send(['PING']))

describe('the first connect', () => {
  const freePort = async () => {
    const gone = await startFaultProxy({ port: server.port })
    await gone.stop()
    return gone.port
  }

  test.each(['127.0.0.1', 'localhost'])('to nobody at %s says who and why', async (host) => {
    const url = `redis://user:secret@${host}:${await freePort()}`
    const error = await failureOf(open({ url }))
    expect(error.code).toBe('REDIS_UNAVAILABLE')
    expect(error.message).toContain(`redis://user:****@${host}:`)
    expect(error.message).toMatch(/ECONNREFUSED/)
    expect(error.message).not.toMatch(/secret|undefined/)
  })

  test.each(['secr@et', 'sec/ret', 'secret?x', 'sec#ret'])(
    'never shows the password %s',
    async (password) => {
      const error = await failureOf(open({ url: `redis://user:${password}@127.0.0.1:${await freePort()}/1` }))
      expect(error.code).toMatch(/^REDIS_UNAVAILABLE|CONFIGURATION_INVALID$/)
      for (let shown: unknown = error; shown instanceof Error; shown = shown.cause) {
        expect(JSON.stringify([shown.message, { ...shown }])).not.toMatch(/secr|sec[/#]|et@/)
      }
    },
  )

  test.each(['localhost:6379', 'http://127.0.0.1', ''])('to %j is no way to Redis', async (url) => {
    expect(await failureOf(open({ url }))).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  })

  test('with a wrong password, or none, says so', async () => {
    const admin = await open()
    await admin.send(['CONFIG', 'SET', 'requirepass', 'right'])
    try {
      const wrong = await failureOf(open({ url: proxy.url('redis').replace('//', '//:wrong@') }))
      expect(wrong).toMatchObject({
        code: 'REDIS_UNAVAILABLE',
        message: expect.stringContaining('WRONGPASS'),
      })
      const none = await failureOf(open())
      expect(none).toMatchObject({ code: 'REDIS_UNAVAILABLE', message: expect.stringContaining('NOAUTH') })
      for (const { message } of [wrong, none]) expect(message).not.toMatch(/Is it running/)
    } finally {
      await admin.send(['CONFIG', 'SET', 'requirepass', ''])
    }
  })

  test('to somebody who never answers ends within the limit', async () => {
    proxy.swallow('down')
    const start = performance.now()
    const error = await failureOf(open({ connectTimeoutMs: 200 }))
    expect(error.code).toBe('REDIS_UNAVAILABLE')
    expect(performance.now() - start).toBeLessThan(8_000)
  })
})

describe('a connection', () => {
  test('comes back after it was cut', async () => {
    const connection = await open()
    const { epoch } = connection
    proxy.cut()
    await works(connection)
    expect(connection.epoch).not.toBe(epoch)
  })

  test('tells a long outage by its reason, not by each attempt', async () => {
    const own = await startFaultProxy({ port: server.port })
    const [warn, debug] = [vi.fn(), vi.fn()]
    await open({ url: own.url('redis'), log: { ...noLog, warn, debug } })
    await own.stop()
    await until('many attempts', () => debug.mock.calls.length >= 5)
    const reasons = warn.mock.calls.map(([, line]) => line)
    expect(new Set(reasons).size).toBe(reasons.length)
    expect(reasons.at(-1)).toContain('ECONNREFUSED')
  })

  test('fails commands at once while it is away, with nothing sent', async () => {
    const connection = await open()
    await proxy.stop()
    await until('the end', () => !connection.ready)
    expect(await failureOf(connection.send(['PING']))).toMatchObject({ code: 'REDIS_UNAVAILABLE' })
  })

  test('says that a reply was lost, when it was', async () => {
    const connection = await open()
    const dropped = proxy.dropNextReply((command) => command.includes('INCR'))
    const error = await failureOf(connection.send(['INCR', 'lost-reply']))
    await dropped
    expect(error.code).toBe('REDIS_UNCERTAIN')
    await works(connection)
    expect(await connection.send(['GET', 'lost-reply'])).toBe('1')
  })

  test('is given up when a command gets no reply, and replaced', async () => {
    const connection = await open()
    proxy.swallow('both')
    const start = performance.now()
    const error = await failureOf(connection.send(['PING'], 200))
    expect(error.code).toBe('REDIS_UNCERTAIN')
    expect(performance.now() - start).toBeLessThan(4_500)
    proxy.pass()
    await works(connection)
  })

  test('is replaced when its server hangs while it connects again', async () => {
    const connection = await open({ connectTimeoutMs: 1_000 })
    proxy.swallow('both')
    proxy.cut()
    await until('a second connection that hangs', () => !connection.ready)
    await until('more of them', () => connection.whenReady(700).then(() => !connection.ready))
    proxy.pass()
    expect(await works(connection)).toBe('PONG')
  })

  test('has another epoch with every socket, also when it was replaced', async () => {
    const connection = await open()
    const epochs = new Set([connection.epoch])
    for (let round = 1; round <= 3; round++) {
      if (round === 2) proxy.cut()
      else {
        proxy.swallow('both')
        await failureOf(connection.send(['PING'], 50))
        proxy.pass()
      }
      await works(connection)
      epochs.add(connection.epoch)
    }
    expect(epochs.size).toBe(4)
  })

  test('survives an event loop that was blocked for longer than a command may take', async () => {
    // Not through the proxy, which this process would block as well.
    const connection = await open({ url: server.url, commandTimeoutMs: 100 })
    const reply = connection.send(['PING'])
    await new Promise((resolve) => setImmediate(resolve))
    for (const end = performance.now() + 300; performance.now() < end;);
    expect(await reply).toBe('PONG')
  })

  test('tells who waits for it that it is there, or closed', async () => {
    const connection = await open()
    await proxy.stop()
    await until('the end', () => !connection.ready)
    const start = performance.now()
    await connection.whenReady(50)
    expect(performance.now() - start).toBeGreaterThanOrEqual(49)
    const waiting = connection.whenReady(60_000)
    await connection.close()
    await waiting
    await connection.whenReady(60_000)
  })

  test('that was closed refuses commands, and closes twice', async () => {
    const connection = await open()
    await Promise.all([connection.close(), connection.close()])
    expect(await failureOf(connection.send(['PING']))).toMatchObject({ code: 'CLOSED' })
  })

  test('that was closed while it connected again stays closed', async () => {
    const connection = await open()
    proxy.swallow('both')
    proxy.cut()
    await until('the end', () => !connection.ready)
    await connection.close()
    proxy.pass()
    const admin = await open()
    const named = async () => (await admin.send<string>(['CLIENT', 'LIST'])).match(/name=test /g)
    expect(await until('one connection alone', async () => (await named())?.length === 1)).toBe(true)
  })
})

test('a connection looks for the successor of a master that became a replica', async () => {
  const successor = await startTestRedis()
  const target = { port: server.port }
  const address = await startFaultProxy(target)
  try {
    const [admin, connection] = [await open(), await open({ url: address.url('redis') })]
    await admin.send(['REPLICAOF', '127.0.0.1', String(successor.port)])
    target.port = successor.port
    const slow = connection.send(['BLPOP', 'nothing', '0.3'])
    expect(await failureOf(connection.send(['SET', 'a', 'b']))).toMatchObject({ code: 'REDIS_REFUSED' })
    expect(await slow.catch((error: MillraceError) => error.code)).not.toBe('REDIS_UNCERTAIN')
    await until('a write', () => connection.send(['SET', 'a', 'b']))
    expect(await connection.send<string>(['INFO', 'replication'])).toContain('role:master')
    await admin.send(['REPLICAOF', 'NO', 'ONE'])
  } finally {
    await address.stop()
    await successor.stop()
  }
})

test('a connection comes back after its server died and was started again', async () => {
  const connection = await open()
  await server.kill('SIGKILL')
  await until('the end', () => !connection.ready)
  expect(await failureOf(connection.send(['PING']))).toMatchObject({ code: 'REDIS_UNAVAILABLE' })
  await server.restart()
  await works(connection)
})

describe('a connection that is given up while its socket is being opened', () => {
  const starting = async () => {
    const connection = new SocketConnection(
      routeTo({ host: '127.0.0.1', port: server.port }, { tls: false }),
      {},
      'starting',
    )
    opened.push(connection)
    connection.start()
    // Its route is known by then, and its socket is not there yet.
    for (let turn = 0; turn < 3; turn++) await Promise.resolve()
    return connection
  }

  test('is there again soon', async () => {
    const connection = await starting()
    connection.moveOn('somebody said so')
    expect(await works(connection)).toBe('PONG')
  })

  test('leaves no socket behind when it is closed', async () => {
    const connection = await starting()
    await connection.close()
    const admin = await open()
    const clients = () => admin.send<string>(['CLIENT', 'LIST'])
    expect(await until('its end', async () => !(await clients()).includes('name=starting'))).toBe(true)
  })
})

describe('bytes that are no text', () => {
  const bytes = Buffer.from([0xff, 0x00, 0x0d, 0x0a, 0xc3, 0x28])

  test('are sent as they are, and read where they are asked for', async () => {
    const connection = await open()
    await connection.send(['SET', 'bytes', bytes])
    expect(await connection.send(['GET', 'bytes'], undefined, 'bytes')).toEqual(bytes)
    expect(await connection.send(['STRLEN', 'bytes'])).toBe(bytes.length)
    expect(await connection.send(['GET', 'bytes'])).toEqual(expect.any(String))
  })

  test('come in nested replies too, beside numbers and what is nothing', async () => {
    const connection = await open()
    const script = `return { ARGV[1], { 1, ARGV[1] }, false }`
    const reply = await connection.send(['EVAL', script, '0', bytes], undefined, 'bytes')
    expect(reply).toEqual([bytes, [1, bytes], null])
  })

  test('pass through a connection that waits', async () => {
    const patient = new PatientConnection(await open())
    await patient.send(['SET', 'bytes', bytes])
    expect(await patient.send(['GET', 'bytes'], undefined, 'bytes')).toEqual(bytes)
    const inOneGo = patient.together('bytes', (socket) => socket.send(['GET', 'bytes'], undefined, 'bytes'))
    expect(await inOneGo).toEqual(bytes)
  })
})
