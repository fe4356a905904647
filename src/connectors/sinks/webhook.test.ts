import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Lab } from '../../../test/support/worker-lab.ts'
import { collectGarbage } from '../../../test/support/collect-garbage.ts'
import { createAuthority } from '../../../test/support/certificates.ts'
import { useSinkRuns } from '../../../test/support/sink-runs.ts'
import { failureOf as errorOf, until } from '../../../test/support/until.ts'
import { MemoryStreamLog } from '../../testing/memory-log.ts'
import type { CloudEvent } from '../cloud-event.ts'
import type { SinkPipelineOptions } from '../pipeline.ts'
import { verifyWebhook, webhookSink, type WebhookSinkOptions } from './webhook.ts'
import { failureOf } from './webhook/answer.ts'
import { AddressGuard } from './webhook/public-address.ts'

interface Received {
  headers: IncomingMessage['headers']
  text: string
  events: CloudEvent[]
}

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

let lab: Lab
let server: Server
let url: string
let received: Received[]
let answer: (response: ServerResponse, request: Received) => void

beforeEach(async () => {
  lab = new Lab(new MemoryStreamLog())
  received = []
  answer = (response) => response.writeHead(204).end()
  server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const text = Buffer.concat(parts).toString()
    const one = { headers: request.headers, text, events: [JSON.parse(text)].flat() as CloudEvent[] }
    received.push(one)
    answer(response, one)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in?token=canary`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await lab.close()
})

const runs = useSinkRuns(500)
const run = (options: Partial<WebhookSinkOptions> = {}, more: Partial<SinkPipelineOptions> = {}) =>
  runs(lab.log, 'hook', {
    from: lab.stream,
    to: webhookSink({ url, allowPrivate: true, ...options }),
    retryDelayMs: 10,
    ...more,
  })

const dataOf = (all: readonly Received[]) => all.flatMap(({ events }) => events.map(({ data }) => data))
const numbers = (count: number) => Array.from({ length: count }, (_, number) => number)

test('events come in batches of CloudEvents, signed, in their order', async () => {
  const [first] = await lab.publish(250)
  const pipe = await run({ secret: SECRET, headers: { 'x-tenant': 'acme' }, concurrency: 1 })
  await until('all', () => pipe.status.written === 250)
  expect(dataOf(received)).toEqual(numbers(250))
  expect(received.length).toBeLessThanOrEqual(5)
  const { headers, text, events } = received[0]!
  expect(headers).toMatchObject({
    'content-type': 'application/cloudevents-batch+json; charset=utf-8',
    'x-tenant': 'acme',
  })
  expect(events[0]).toMatchObject({
    specversion: '1.0',
    id: first,
    source: lab.stream,
    type: 'number',
    data: 0,
  })
  const given = headers as Record<string, string>
  expect(verifyWebhook(SECRET, given, text)).toBe(true)
  expect(verifyWebhook(SECRET, new Headers(given), text)).toBe(true)
  expect(verifyWebhook(SECRET, given, `${text} `)).toBe(false)
  expect(verifyWebhook('another secret, long enough', given, text)).toBe(false)
  expect(verifyWebhook(SECRET, given, text, Date.now() + 400_000)).toBe(false)
  expect(verifyWebhook(SECRET, { ...given, 'webhook-signature': 'v1,AAAA v2,x' }, text)).toBe(false)
})

test('one by one where that is wanted, each signed by both secrets', async () => {
  await lab.publish(5)
  const other = 'the next secret, which comes soon'
  const pipe = await run({ mode: 'single', secret: [SECRET, other], concurrency: 1 })
  await until('all', () => pipe.status.written === 5)
  expect(dataOf(received)).toEqual(numbers(5))
  for (const { headers, text } of received) {
    expect(headers['content-type']).toBe('application/cloudevents+json; charset=utf-8')
    for (const secret of [SECRET, other])
      expect(verifyWebhook(secret, headers as Record<string, string>, text)).toBe(true)
  }
  expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(5)
})

test('a batch is cut to the size of a body, and what does not fit alone is a dead letter', async () => {
  await lab.publish(20, (number) => [
    'type',
    't',
    'data',
    JSON.stringify('x'.repeat(number === 7 ? 5_000 : 300)),
  ])
  const pipe = await run({ maxBodyBytes: 2_000 }, { batch: { size: 20, waitMs: 100 } })
  await until('all', () => pipe.status.written === 19)
  expect(Math.max(...received.map(({ text }) => Buffer.byteLength(text)))).toBeLessThanOrEqual(2_000)
  expect(await lab.letters()).toMatchObject([{ 'deadletter-error': 'EVENT_TOO_LARGE' }])
})

test('429 is left alone for as long as it says', async () => {
  await lab.publish(1)
  const times: number[] = []
  answer = (response) => {
    times.push(performance.now())
    if (times.length === 1) response.writeHead(429, { 'retry-after': '1' }).end()
    else response.writeHead(200).end()
  }
  const pipe = await run()
  await until('all', () => pipe.status.written === 1)
  expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(990)
})

describe('no event is to blame, and nothing gets lost,', () => {
  const cut = (response: ServerResponse) => void response.socket?.destroy()
  test.each<[string, (response: ServerResponse) => void]>([
    ['when it answers 500', (response) => void response.writeHead(500).end('canary')],
    ['when it answers 404', (response) => void response.writeHead(404).end()],
    ['when it leads elsewhere', (response) => void response.writeHead(302, { location: url }).end()],
    ['when the connection is cut', cut],
    ['when it says nothing', () => {}],
  ])('%s', async (_, fail) => {
    await lab.publish(3)
    let failures = 3
    answer = (response) => (failures-- > 0 ? fail(response) : void response.writeHead(200).end())
    const pipe = await run({ timeoutMs: 100 }, { retry: { attempts: 1 }, batch: { size: 3, waitMs: 50 } })
    await until('all', () => pipe.status.written === 3)
    expect(dataOf(received.slice(-1))).toEqual([0, 1, 2])
    expect(received).toHaveLength(4)
    expect(await lab.letters()).toEqual([])
    expect(JSON.stringify(pipe.status)).not.toContain('canary')
  })
})

describe('what is no answer is no fault of an event,', () => {
  /** A server that says what it likes, whatever it is asked. */
  const raw = (say: (socket: Socket) => void) =>
    createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => say(socket))
    })
  const untrusted = async () => createTlsServer(await (await createAuthority()).issue())
  test.each<[string, string, () => TcpServer | Promise<TcpServer>]>([
    ['such as no HTTP', 'http', () => raw((socket) => void socket.end('canary\r\n\r\n'))],
    ['such as another protocol than TLS', 'https', () => raw((socket) => void socket.end('canary'))],
    ['such as a certificate that nobody trusts', 'https', untrusted],
    [
      'such as headers without an end',
      'http',
      () => raw((socket) => void socket.end(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`)),
    ],
  ])('%s', async (_, protocol, open) => {
    const broken = (await open()).listen(0, '127.0.0.1')
    try {
      await once(broken, 'listening')
      await lab.publish(3)
      const { port } = broken.address() as AddressInfo
      const pipe = await run({ url: `${protocol}://127.0.0.1:${port}/` }, { retry: { attempts: 1 } })
      await until('the outage', () => pipe.status.state === 'retrying')
      expect(pipe.status).toMatchObject({ refused: 0, lastError: { error: 'SINK_UNAVAILABLE' } })
      expect(pipe.status.lastError?.message).toMatch(/^127\.0\.0\.1:\d+ gave no answer that counts: \w/)
      expect(JSON.stringify(pipe.status)).not.toContain('canary')
      expect(await lab.letters()).toEqual([])
    } finally {
      broken.close()
    }
  })
})

test('an answer that drips has been given with its status', async () => {
  await lab.publish(3)
  const drips: NodeJS.Timeout[] = []
  answer = (response) => {
    response.writeHead(200)
    drips.push(setInterval(() => response.write('x'), 20))
    setTimeout(collectGarbage, 50)
  }
  try {
    const pipe = await run({ timeoutMs: 200 }, { writeTimeoutMs: 10_000 })
    await until('all', () => pipe.status.written === 3, 5_000)
    expect(dataOf(received)).toEqual([0, 1, 2])
  } finally {
    for (const drip of drips) clearInterval(drip)
  }
})

test('a header is sent without the end of its line, and none that says how a request is transferred', async () => {
  await lab.publish(1)
  const pipe = await run({ headers: { Authorization: 'Bearer x\r\n', 'Content-Type': 'application/json' } })
  await until('all', () => pipe.status.written === 1)
  expect(received[0]!.headers).toMatchObject({
    authorization: 'Bearer x',
    'content-type': 'application/json',
  })
  const wrong = {
    'Content-Length': '5',
    'transfer-encoding': 'chunked',
    a: 'can\nary',
    'b c': 'canary',
    c: 'canary€',
  }
  const error = await errorOf(() => webhookSink({ url, headers: wrong }))
  expect(error).toMatchObject({ issues: Object.keys(wrong).map((name) => ({ path: `headers.${name}` })) })
  expect(error.message.replaceAll('\n', '')).not.toContain('canary')
})

test('an answer that does not end has been given all the same', async () => {
  await lab.publish(3)
  answer = (response) => void response.writeHead(200).write('x')
  const pipe = await run({ timeoutMs: 100 })
  await until('all', () => pipe.status.written === 3)
  expect(dataOf(received)).toEqual([0, 1, 2])
})

test('what is refused is halved out of its batch, and the rest is sent once', async () => {
  await lab.publish(16)
  answer = (response, { events }) => {
    const isPoison = events.some(({ data }) => data === 11)
    response.writeHead(isPoison ? 422 : 200).end()
  }
  const pipe = await run({}, { retry: { attempts: 2, delayMs: 1 }, batch: { size: 16, waitMs: 100 } })
  await until('the letter', async () => (await lab.letters()).length === 1)
  expect(pipe.status.written).toBe(15)
  expect(await lab.letters()).toMatchObject([{ data: '11', 'deadletter-error': 'SINK_REFUSED' }])
  expect(received).toHaveLength(10)
})

test('413 cuts a batch that is too large for its receiver', async () => {
  await lab.publish(8)
  answer = (response, { events }) => void response.writeHead(events.length > 2 ? 413 : 200).end()
  const pipe = await run({}, { batch: { size: 8, waitMs: 100 } })
  await until('all', () => pipe.status.written === 8)
  expect(await lab.letters()).toEqual([])
})

test('what was answered is not sent again when a later request of the same write fails', async () => {
  await lab.publish(10)
  let failures = 2
  answer = (response, { events }) => {
    if (events[0]!.data === 5 && failures-- > 0) response.writeHead(503, { 'retry-after': '0' }).end()
    else response.writeHead(200).end()
  }
  const pipe = await run({ mode: 'single' }, { batch: { size: 10, waitMs: 100 } })
  await until('all', () => pipe.status.written === 10)
  expect(dataOf(received)).toEqual([0, 1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9])
})

describe('private addresses', () => {
  test.each([
    [
      '127.0.0.1',
      '10.1.2.3',
      '172.31.0.1',
      '192.168.1.1',
      '169.254.169.254',
      '100.64.0.1',
      '0.0.0.0',
      '224.0.0.1',
    ],
    [
      '::1',
      '::',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '::127.0.0.1',
      'fe80::1',
      'fd00::1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
    ],
  ])('are known: %s, …', (...addresses) => {
    const guard = new AddressGuard(false)
    expect(addresses.filter((address) => guard.permits(address))).toEqual([])
  })

  test('may be allowed, all or some; public ones always are', () => {
    const some = new AddressGuard(['10.0.0.0/8', 'fd00::/8', '127.0.0.1'])
    expect(
      ['10.9.9.9', 'fd12::1', '127.0.0.1', '8.8.8.8', '2606:4700::1111'].every((one) => some.permits(one)),
    ).toBe(true)
    expect(['192.168.0.1', '127.0.0.2', 'fe80::1'].some((one) => some.permits(one))).toBe(false)
    expect(new AddressGuard(true).permits('127.0.0.1')).toBe(true)
  })

  test.each([
    'http://2130706433:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://0x7f.1:PORT/',
    'http://127.1:PORT',
  ])('are refused however they are written: %s', async (given) => {
    await lab.publish(1)
    const pipe = await run({ url: given.replace('PORT', new URL(url).port), allowPrivate: false })
    await until('the refusal', () => pipe.status.state === 'failed')
    expect(pipe.status.lastError?.message).toMatch(/is a private address/)
    expect(received).toEqual([])
  })

  test('are not connected to by a name either', async () => {
    await lab.publish(1)
    const pipe = await run({ url: `http://localhost:${new URL(url).port}/`, allowPrivate: false })
    await until('the refusal', () => pipe.status.state === 'retrying')
    expect(pipe.status.lastError?.message).toMatch(/localhost leads to a private address/)
    expect(received).toEqual([])
  })
})

test('Retry-After is a number or a date, and has an end', () => {
  const now = Date.parse('2026-01-28T10:00:00Z')
  const after = (text: string) => (failureOf(429, text, 'h', now) as { retryAfterMs?: number }).retryAfterMs
  expect(after('7')).toBe(7_000)
  expect(after('Wed, 28 Jan 2026 10:00:05 GMT')).toBe(5_000)
  expect(after('Wed, 28 Jan 2026 09:00:00 GMT')).toBe(0)
  expect(after('999999999')).toBe(3_600_000)
  expect(after('soon')).toBeUndefined()
})

test('every mistake is told where it is declared, and no secret', () => {
  const wrong = {
    url: 'ftp://u:canary@x/',
    secret: 'canary',
    mode: 'x' as never,
    timeoutMs: 0,
    allowPrivate: ['10.0.0.0/99'],
  }
  expect(() => webhookSink(wrong)).toThrow(
    expect.objectContaining({
      issues: ['url', 'secret', 'mode', 'timeoutMs', 'allowPrivate'].map((path) =>
        expect.objectContaining({ path }),
      ),
      message: expect.not.stringContaining('canary'),
    }),
  )
  expect(() => webhookSink({ url: 'https://example.com', timeoutMs: 2 ** 31 })).toThrow(
    /from 1 to 2147483647/,
  )
  expect(() => webhookSink({ url: 'https://u:p@example.com' })).toThrow(/no password/)
})
