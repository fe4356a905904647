import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { useRawHttp } from '../../test/support/use-raw-http.ts'
import { fakeServer } from './fake-ports.ts'

const HEAD = 'POST /api/events/custom HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'

const http = useRawHttp()
const { talk } = http

async function serve(requestTimeoutMs: number) {
  const { app, published } = fakeServer({}, { requestTimeoutMs })
  const { url } = await http.serve(app.fetch, { requestTimeoutMs })
  return { published, url }
}

describe('clients that are slow on purpose', () => {
  it('hold up nobody, a thousand of them, and are let go', async () => {
    const { url, published } = await serve(1_500)
    const slow = await Promise.all(
      Array.from({ length: 1_000 }, (_, number) =>
        talk(number % 2 ? 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ' : `${HEAD}Content-Length: 100\r\n\r\n{`),
      ),
    )
    const closed = slow.map((socket) => text(socket).catch(() => ''))
    const body = JSON.stringify({ streamName: 's', eventType: 't', payload: 1 })
    const headers = { 'content-type': 'application/json' }
    for (let turn = 0; turn < 20; turn++) {
      const response = await fetch(`${url}/api/events/custom`, { method: 'POST', headers, body })
      expect(response.status).toBe(201)
    }
    expect(published).toHaveLength(20)
    const answers = await Promise.all(closed)
    // Some may see their connection closed before they read the answer; most read it.
    const told = answers.filter((answer) => answer.startsWith('HTTP/1.1 408 '))
    expect(told.length).toBeGreaterThan(900)
    for (const answer of told) expect(answer).toContain('"code":"REQUEST_TOO_SLOW"')
  })

  it('get 408 where the body stops coming, with a problem', async () => {
    await serve(300)
    const socket = await talk(`${HEAD}Content-Length: 100\r\n\r\n{"streamName":`)
    expect(await text(socket)).toMatch(
      /^HTTP\/1\.1 408 [^]*application\/problem\+json[^]*"code":"REQUEST_TOO_SLOW"/,
    )
  })

  it('get 408 where the headers stop coming, with a problem', async () => {
    await serve(300)
    const socket = await talk('GET / HTTP/1.1\r\nHost: a\r\nX-')
    expect(await text(socket)).toMatch(
      /^HTTP\/1\.1 408 [^]*application\/problem\+json[^]*"code":"REQUEST_TOO_SLOW"/,
    )
  })
})
