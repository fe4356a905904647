import { once } from 'node:events'
import { lookup } from 'node:dns'
import { createServer, type AddressInfo, type LookupFunction, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createAuthority } from '../../../../test/support/certificates.ts'
import { failureOf, until } from '../../../../test/support/until.ts'
import { AddressGuard } from './public-address.ts'
import { hostOf, reach } from './reach.ts'

const alive = () => new AbortController().signal
const anyAddress = lookup as LookupFunction

let sockets: Socket[]
let servers: Server[]
beforeEach(() => {
  ;[sockets, servers] = [[], []]
})
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  for (const server of servers) server.close()
})

async function listening(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server.listen(0, host))
  server.on('connection', (socket: Socket) => sockets.push(socket.on('error', () => {})))
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('whoever listens is there, hears nothing, and is left again', async () => {
  const heard: Buffer[] = []
  const port = await listening(createServer((socket) => socket.on('data', (bytes) => heard.push(bytes))))
  await reach(new URL(`http://localhost:${port}/in?token=x`), anyAddress, alive())
  await until('its end', () => sockets.length === 1 && sockets[0]!.destroyed)
  expect(heard).toEqual([])
})

test('nobody who listens, and a certificate that is not trusted, are told', async () => {
  const port = await listening(createServer())
  servers.pop()!.close()
  const gone = await failureOf(reach(new URL(`http://127.0.0.1:${port}`), anyAddress, alive()))
  expect(gone.code).toBe('ECONNREFUSED')
  const { key, cert } = await (await createAuthority()).issue()
  const secured = await listening(createTlsServer({ key, cert }))
  const distrust = await failureOf(reach(new URL(`https://localhost:${secured}`), anyAddress, alive()))
  expect(distrust.message).toMatch(/certificate/)
})

test('a private address that a name leads to is not connected to', async () => {
  const port = await listening(createServer())
  const { lookup: guarded } = new AddressGuard(false)
  const refusal = await failureOf(reach(new URL(`http://localhost:${port}`), guarded, alive()))
  expect(refusal.message).toMatch(/leads to a private address/)
  expect(sockets).toEqual([])
})

test('one that takes the connection and says nothing more is given up with the signal', async () => {
  const port = await listening(createServer((socket) => socket.resume()))
  const end = new AbortController()
  const failure = failureOf(reach(new URL(`https://127.0.0.1:${port}`), anyAddress, end.signal))
  await until('the connection', () => sockets.length === 1)
  end.abort(new Error('the pipeline stops'))
  expect((await failure).message).toBe('the pipeline stops')
  await until('its end', () => sockets[0]!.destroyed)
})

test('an address of IPv6 loses its brackets', () => {
  expect(hostOf(new URL('http://[::1]:8080/x'))).toBe('::1')
  expect(hostOf(new URL('http://example.com/x'))).toBe('example.com')
})
