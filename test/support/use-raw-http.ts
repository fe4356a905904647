import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import { HttpServer, type Fetch, type HttpServerOptions } from '../../src/server/http-server.ts'

export interface RawHttp {
  /** The server of this test. */
  readonly server: HttpServer
  /** Starts it, on a free port of this machine. */
  serve(fetch: Fetch, options: Omit<HttpServerOptions, 'host' | 'port'>): Promise<HttpServer>
  /** A connection to it, over which these words went. */
  talk(words: string): Promise<Socket>
}

/** A server for a test, and clients that say to it what no HTTP client would. All of them end with the test. */
export function useRawHttp(): RawHttp {
  let server: HttpServer | undefined
  const sockets: Socket[] = []
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await server?.stop(0)
    server = undefined
  })
  const running = (): HttpServer => {
    if (!server) throw new Error('the server is not started: call serve first')
    return server
  }
  return {
    get server() {
      return running()
    },
    async serve(fetch, options) {
      server = new HttpServer(fetch, { ...options, host: '127.0.0.1', port: 0 })
      await server.start()
      return server
    },
    async talk(words) {
      const socket = connect(Number(new URL(running().url).port), '127.0.0.1')
      // A server that gives up on a client may reset the connection.
      socket.on('error', () => {})
      sockets.push(socket)
      await once(socket, 'connect')
      socket.write(words)
      return socket
    },
  }
}
