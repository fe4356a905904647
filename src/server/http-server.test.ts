import { EventEmitter, once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { fakeServer } from './fake-ports.ts'
import { HttpServer } from './http-server.ts'

const started: HttpServer[] = []
afterEach(() => Promise.all(started.splice(0).map((server) => server.stop(0))))

async function serve(
  fetch: (request: Request) => Response | Promise<Response>,
  port = 0,
): Promise<HttpServer> {
  const server = new HttpServer(fetch, { host: '127.0.0.1', port, requestTimeoutMs: 5000 })
  await server.start()
  started.push(server)
  return server
}

/** A handler that tells when it was entered, and answers when it is let. */
function gate() {
  const events = new EventEmitter()
  const entered = once(events, 'entered')
  const opened = once(events, 'opened')
  const fetch = async () => {
    events.emit('entered')
    await opened
    return new Response('done')
  }
  return { fetch, entered, open: () => events.emit('opened') }
}

const portOf = ({ url }: HttpServer) => Number(new URL(url).port)

async function get(url: string, agent: Agent): Promise<string> {
  const [response] = await once(request(url, { agent }).end(), 'response')
  return text(response)
}

async function talk(server: HttpServer, words: string): Promise<Socket> {
  const socket = connect(portOf(server), '127.0.0.1')
  await once(socket, 'connect')
  socket.write(words)
  return socket
}

describe('start', () => {
  it('listens where told and says where that is', async () => {
    const server = await serve(fakeServer().app.fetch)
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await (await fetch(`${server.url}/health/live`)).text()).toBe('OK')
  })

  it('listens on all addresses without a host', async () => {
    const server = new HttpServer(fakeServer().app.fetch, { port: 0, requestTimeoutMs: 5000 })
    await server.start()
    started.push(server)
    for (const host of ['localhost', '127.0.0.1']) {
      expect((await fetch(`http://${host}:${portOf(server)}/health/live`)).status).toBe(200)
    }
    expect(server.url).toContain('http://localhost:')
  })

  it('names SERVICE_PORT where the port is taken', async () => {
    const port = portOf(await serve(fakeServer().app.fetch))
    await expect(serve(fakeServer().app.fetch, port)).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: `port ${port} is taken by another program: end that one, or set SERVICE_PORT to another port`,
    })
  })

  it('takes another port where that one is taken, if it may', async () => {
    const first = await serve(() => new Response())
    const options = { host: '127.0.0.1', port: portOf(first), orAnyPort: true, requestTimeoutMs: 5000 }
    const second = new HttpServer(() => new Response('second'), options)
    started.push(second)
    await second.start()
    expect(portOf(second)).not.toBe(portOf(first))
    expect(await (await fetch(second.url)).text()).toBe('second')
  })

  it('names HOST where the address is not of this machine', async () => {
    const server = new HttpServer(fakeServer().app.fetch, {
      host: '192.0.2.1',
      port: 0,
      requestTimeoutMs: 5000,
    })
    await expect(server.start()).rejects.toThrow('192.0.2.1 is no address of this machine: set HOST')
    await server.stop(0)
  })
})

describe('stop', () => {
  it('lets a running request finish, takes no new connection, and lets kept ones go', async () => {
    const { fetch: handler, entered, open } = gate()
    const server = await serve(handler)
    const { url } = server
    const agent = new Agent({ keepAlive: true })
    const running = get(url, agent)
    await entered
    const stopped = server.stop(10_000)
    await expect(fetch(url)).rejects.toThrow('fetch failed')
    const began = performance.now()
    open()
    expect(await running).toBe('done')
    await stopped
    // Left alone, Node keeps the connection for 5 seconds.
    expect(performance.now() - began).toBeLessThan(4000)
    agent.destroy()
  })

  it('answers what comes over a connection that is still busy, and closes it then', async () => {
    const { fetch: handler, entered, open } = gate()
    let requests = 0
    const server = await serve(() => {
      requests++
      return handler()
    })
    const socket = await talk(server, 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\n')
    await entered
    const stopped = server.stop(10_000)
    socket.write('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
    await expect.poll(() => requests).toBe(2)
    open()
    const answers = await text(socket)
    expect(answers.match(/^Connection: .*$|done/gm)).toEqual([
      'Connection: keep-alive',
      'done',
      'Connection: close',
      'done',
    ])
    await stopped
  })

  it('cuts off what runs past the deadline', async () => {
    const { fetch: handler, entered } = gate()
    const server = await serve(handler)
    const cutOff = fetch(server.url).catch((error: Error) => error.message)
    await entered
    await server.stop(20)
    expect(await cutOff).toBe('fetch failed')
  })

  it('is idempotent, and harmless before the start', async () => {
    const server = await serve(() => new Response('x'))
    const port = portOf(server)
    await Promise.all([server.stop(1000), server.stop(1000)])
    await server.stop(1000)
    await new HttpServer(() => new Response('x'), { port: 0, requestTimeoutMs: 1000 }).stop(0)
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow('fetch failed')
  })
})

describe('over the wire', () => {
  const HEAD =
    'POST /api/events/custom HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n'

  it('counts a body without a length, and answers 413 before it ends', async () => {
    const { app, published } = fakeServer()
    const server = await serve(app.fetch)
    const chunk = `200\r\n${' '.repeat(0x200)}\r\n`
    const socket = await talk(server, `${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}`)
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 413 [^]*"code":"BODY_TOO_LARGE"/)
    expect(published).toEqual([])
  })

  it('publishes a chunked body within the limit, whole', async () => {
    const { app, published } = fakeServer()
    const server = await serve(app.fetch)
    const body = Buffer.from('{"streamName":"s","eventType":"t","payload":"€uro"}')
    // The cut goes through the middle of a character.
    const cut = body.indexOf('€') + 1
    const chunks = [body.subarray(0, cut), body.subarray(cut)].map(
      (part) => `${part.length.toString(16)}\r\n${part.toString('latin1')}\r\n`,
    )
    const socket = connect(portOf(server), '127.0.0.1')
    socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`)
    socket.write(`${chunks.join('')}0\r\n\r\n`, 'latin1')
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 201 /)
    expect(published).toMatchObject([{ stream: 's', event: { data: '€uro' } }])
  })

  it('publishes nothing of a body that ends early, and goes on', async () => {
    const { app, published, logged } = fakeServer()
    const answered: Response[] = []
    const server = await serve(async (request) => {
      const response = await app.fetch(request)
      answered.push(response)
      return response
    })
    const socket = await talk(server, `${HEAD}Content-Length: 500\r\n\r\n{"streamName":`)
    socket.destroy()
    await expect.poll(() => answered.length).toBe(1)
    expect(answered[0]!.status).toBe(400)
    expect([published, logged]).toEqual([[], []])
    expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
  })

  it('answers a broken Host header with a problem', async () => {
    const server = await serve(fakeServer().app.fetch)
    const socket = await talk(server, 'GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n')
    expect(await text(socket)).toMatch(
      /^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*"code":"REQUEST_INVALID"/,
    )
  })

  it('answers whatever is thrown with a problem that tells nothing', async () => {
    // oxlint-disable-next-line prefer-promise-reject-errors -- what is no Error is the point
    const server = await serve(() => Promise.reject('secret'))
    const response = await fetch(server.url)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
  })
})
