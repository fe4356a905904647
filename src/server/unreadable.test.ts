import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { useRawHttp } from '../../test/support/use-raw-http.ts'
import { fakeServer } from './fake-ports.ts'

const http = useRawHttp()
const { talk } = http

/** A server whose publishing ends when the test says. */
async function serve() {
  const endings: (() => void)[] = []
  const publish = (stream: string) =>
    new Promise<string[]>((resolve) => endings.push(() => resolve([`${stream}-0`])))
  const said: object[] = []
  const log = { debug: (fields: object) => said.push(fields), info() {}, warn() {}, error() {} }
  const { app } = fakeServer({ publish })
  await http.serve(app.fetch, { requestTimeoutMs: 5_000, log })
  const begun = async (count: number) => void (await expect.poll(() => endings.length).toBe(count))
  return { said, begun, finish: () => endings.splice(0).forEach((end) => end()) }
}

function publishing(streamName: string): string {
  const body = JSON.stringify({ streamName, eventType: 't', payload: 1 })
  const head = 'POST /api/events/custom HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
  return `${head}Content-Length: ${body.length}\r\n\r\n${body}`
}

/** Statuses and ids, as they stand one after the other. */
const outcomes = (answers: string) => answers.match(/(?<=HTTP\/1\.1 )\d{3}|(?<="messageId":")[^"]+/g)

describe('what can not be read, behind requests that are under way', () => {
  it('is answered after them, each of which gets its own answer', async () => {
    const { begun, finish } = await serve()
    const socket = await talk(`${publishing('a')}${publishing('b')}nonsense\r\n\r\n`)
    await begun(2)
    socket.write('more nonsense\r\n\r\n')
    finish()
    expect(outcomes(await text(socket))).toEqual(['201', 'a-0', '201', 'b-0', '400'])
  })

  it('is answered after them where it is a CONNECT', async () => {
    const { begun, finish } = await serve()
    const socket = await talk(`${publishing('a')}CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n`)
    await begun(1)
    finish()
    expect(outcomes(await text(socket))).toEqual(['201', 'a-0', '405'])
  })

  it('is nothing to anybody where the client is gone', async () => {
    const { begun, finish } = await serve()
    const socket = await talk(`${publishing('a')}nonsense\r\n\r\n`)
    await begun(1)
    socket.destroy()
    finish()
    expect((await fetch(`${http.server.url}/health/live`)).status).toBe(200)
  })
})

it('what is refused before it is read is in the log, under the id of its answer', async () => {
  const { said } = await serve()
  const answer = await text(await talk('nonsense\r\n\r\n'))
  const correlationId = /x-correlation-id: (\S+)/.exec(answer)?.[1]
  expect(said).toEqual([{ correlationId, error: expect.any(Error), status: 400 }])
})
