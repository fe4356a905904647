import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../../test/support/until.ts'
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts'

let echo: Server
let received: string
let proxy: FaultProxy
let clients: Client[]

beforeEach(async () => {
  received = ''
  clients = []
  echo = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      received += String(bytes)
      socket.write(bytes)
    })
  })
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  proxy = await startFaultProxy({ port: (echo.address() as AddressInfo).port })
})

afterEach(async () => {
  for (const { socket } of clients) socket.destroy()
  await proxy.stop()
  echo.close()
})

interface Client {
  socket: Socket
  replies: string
  error: string | undefined
}

async function client(): Promise<Client> {
  const socket = connect(proxy.port, '127.0.0.1')
  const one: Client = { socket, replies: '', error: undefined }
  clients.push(one)
  socket.on('data', (bytes) => (one.replies += String(bytes)))
  socket.on('error', (error: NodeJS.ErrnoException) => (one.error = error.code))
  await once(socket, 'connect')
  return one
}

/** Sends and waits for the echo: the connection is whole. */
async function say(one: Client, text: string): Promise<void> {
  one.socket.write(text)
  await until(`the echo of ${text}`, () => one.replies.endsWith(text))
}

test('bytes pass unchanged, both ways', async () => {
  expect(proxy.url('redis')).toBe(`redis://127.0.0.1:${proxy.port}`)
  const one = await client()
  await say(one, 'hello')
  expect(received).toBe('hello')
})

test('cut resets the connections there are, and new ones work', async () => {
  const one = await client()
  await say(one, 'a')
  proxy.cut()
  await until('the reset', () => one.error)
  expect(one.error).toBe('ECONNRESET')
  await say(await client(), 'b')
})

test('what is swallowed is lost, and its connection stays mute', async () => {
  const [up, down] = [await client(), await client()]
  await say(up, 'a')
  await say(down, 'b')
  proxy.swallow('down')
  const late = await client()
  down.socket.write('c')
  late.socket.write('d')
  await until('what still goes up', () => received.length === 4)
  proxy.swallow('up')
  proxy.pass()
  for (const { socket } of [up, down, late]) socket.write('lost')
  await say(await client(), 'e')
  expect(Array.from(received).sort().join('')).toBe('abcde')
  expect([up.replies, down.replies, late.replies, up.error]).toEqual(['a', 'b', '', undefined])
})

test('a dropped reply costs the connection, and the command has run', async () => {
  const [first, second] = [await client(), await client()]
  const dropped = proxy.dropNextReply((command) => command.includes('this'))
  await say(first, 'that')
  second.socket.write('this')
  await dropped
  await until('the reset', () => second.error)
  expect([received, second.replies]).toEqual(['thatthis', ''])
  await say(first, 'more')
})

test('replies are dropped again and again, until it passes', async () => {
  const dropped = proxy.dropReplies((command) => command.includes('this'))
  for (const expected of [1, 2]) {
    const one = await client()
    await say(one, 'that')
    one.socket.write('this')
    await until('the reset', () => one.error)
    expect([dropped.count, one.replies]).toEqual([expected, 'that'])
  }
  proxy.pass()
  await say(await client(), 'this')
  expect(received).toBe('thatthisthatthisthis')
})

test('what is delayed comes late both ways, and in order with what follows', async () => {
  const one = await client()
  await say(one, 'a')
  proxy.delay(100)
  const start = performance.now()
  one.socket.write('b')
  await until('the first byte on its way', () => one.socket.bytesWritten === 2)
  await say(one, 'c')
  expect(performance.now() - start).toBeGreaterThanOrEqual(195)
  one.socket.write('d')
  await until('the late byte at the server', () => received.endsWith('d'))
  proxy.delay(0)
  await say(one, 'e')
  expect([received, one.replies]).toEqual(['abcde', 'abcde'])
})

test('a connection that is cut takes with it what was late', async () => {
  const one = await client()
  await say(one, 'a')
  proxy.delay(200)
  one.socket.write('b')
  await until('the byte on its way', () => one.socket.bytesWritten === 2)
  proxy.cut()
  await until('the reset', () => one.error)
  proxy.pass()
  await say(await client(), 'c')
  expect(received).toBe('ac')
})

test('a server that is not there is a reset for the client', async () => {
  echo.close()
  const one = await client()
  expect(await until('the reset', () => one.error)).toBe('ECONNRESET')
})

test('stop ends everything, and may be called twice', async () => {
  const one = await client()
  await Promise.all([proxy.stop(), proxy.stop()])
  expect(await until('the end', () => one.socket.destroyed)).toBe(true)
  await expect(proxy.stop()).resolves.toBeUndefined()
})
