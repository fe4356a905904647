import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { createAuthority } from '../../../test/support/certificates.ts'
import { until } from '../../../test/support/until.ts'
import { useOnce } from '../../../test/support/use.ts'
import type { LoadReport } from '../../load/report.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

type Answer = (request: IncomingMessage, response: ServerResponse, n: number) => unknown

let server: Server
let url: string
let io: CapturedIo
let answer: Answer
let ready: number
let requests: number
let connections: number

beforeEach(async () => {
  ;[ready, requests, connections] = [200, 0, 0]
  answer = (_, response) => response.end('ok')
  server = createServer((request, response) => {
    request.resume()
    if (request.url === '/health/ready') return void response.writeHead(ready).end(`{"status":"${ready}"}`)
    answer(request, response, ++requests)
  })
  server.on('connection', () => connections++)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  io = new CapturedIo()
})
afterEach(async () => {
  io.remove()
  server.closeAllConnections()
  if (server.listening) await new Promise((done) => server.close(done))
})

const load = (...args: string[]) => run(io, ['load', 'http', `${url}/route`, ...args])

/** Runs it with `--json`, and answers the report with the exit code. */
async function report(...args: string[]): Promise<LoadReport & { code: number }> {
  const code = await load('--json', ...args)
  return { ...(io.json[0] as LoadReport), code }
}

describe('what it measures', () => {
  it('is how long the answers took', async () => {
    answer = async (_, response, n) => {
      await sleep(n % 10 === 0 ? 400 : 50)
      response.end()
    }
    const { code, latency, corrected, histogram } = await report('--count', '100', '--concurrency', '10')
    expect(code).toBe(EXIT.ok)
    expect(corrected).toBe(false)
    expect(latency!.count).toBe(100)
    // A timer may be a millisecond early; how late it is, nobody knows.
    expect(latency!.min).toBeGreaterThan(45)
    expect(latency!.p50).toBeLessThan(390)
    expect(latency!.p95).toBeGreaterThan(390)
    expect(latency!.p99).toBeLessThan(5_000)
    expect(histogram.reduce((sum, { count }) => sum + count, 0)).toBe(100)
  })

  it('holds what a stall of a second made others wait: a hundred at 100 a second', async () => {
    let stalled: Promise<unknown> | undefined
    answer = async (_, response, n) => {
      if (n === 50) stalled = sleep(1_000)
      await stalled
      response.end()
    }
    const { requests, latency, uncorrectedLatency, corrected } = await report(
      '--rate',
      '100/s',
      '--duration',
      '2500ms',
      '--concurrency',
      '1',
    )
    expect(corrected).toBe(true)
    expect(requests).toMatchObject({ begun: 250, ok: 250, neverBegun: 0 })
    expect(requests.late).toBeGreaterThan(90)
    expect(requests.latestMs).toBeGreaterThan(900)
    expect(latency!.p90).toBeGreaterThan(500)
    // From when it was begun, one alone was slow.
    expect(uncorrectedLatency!.p90).toBeLessThan(latency!.p90)
  })

  it('is as many requests as were asked for, over few connections', async () => {
    const { code, requests: counts, plan } = await report('--count', '1234', '--concurrency', '7')
    expect(code).toBe(EXIT.ok)
    expect(requests).toBe(1_234)
    expect(counts).toMatchObject({ begun: 1_234, ok: 1_234, failed: 0, warmUp: 0 })
    expect(plan).toEqual({ count: 1_234, concurrency: 7 })
    // One more asked for the health.
    expect(connections).toBeLessThanOrEqual(8)
  })

  it('leaves the warm-up out', async () => {
    const { requests: counts } = await report('--count', '20', '--warm-up', '200ms')
    expect(counts.ok).toBe(20)
    expect(counts.warmUp).toBeGreaterThan(0)
    expect(requests).toBe(20 + counts.warmUp)
  })

  it('groups failures by kind, each with a sample', async () => {
    answer = (request, response, n) => {
      if (n % 4 === 1) response.writeHead(503).end('{"title":"overloaded"}')
      else if (n % 4 === 2) request.socket.destroy()
      else if (n % 4 === 3) response.write('half of an answer')
      else response.end()
    }
    const { code, errors, requests: counts, missed } = await report('--count', '40', '--timeout', '1s')
    expect(code).toBe(EXIT.failed)
    expect(counts).toMatchObject({ begun: 40, ok: 10, failed: 30 })
    expect(errors.toSorted((a, b) => a.kind.localeCompare(b.kind))).toEqual([
      { kind: 'reset', code: 'ECONNRESET', count: 10, sample: 'socket hang up' },
      { kind: 'status', code: '503', count: 10, sample: 'answered 503: {"title":"overloaded"}' },
      { kind: 'timeout', code: null, count: 10, sample: 'no answer within 1000 ms' },
    ])
    expect(missed).toEqual(['30 of 40 requests failed, more than the 0 allowed'])
  })

  it('is what was measured until then, when it is stopped', async () => {
    answer = (_, response, n) => n <= 30 && response.end()
    const stopping = until('requests', () => requests >= 33).then(() => io.stop.abort())
    const { code, partial, requests: counts, missed } = await report('--duration', '1h', '--concurrency', '3')
    await stopping
    expect(code).toBe(EXIT.failed)
    expect(partial).toBe(true)
    expect(counts).toMatchObject({ begun: 33, ok: 30, failed: 0, unanswered: 3 })
    expect(missed).toEqual(['it was stopped before its end'])
  })
})

describe('what it sends', () => {
  it('is rendered for each request', async () => {
    const seen: string[] = []
    answer = async (request, response) => {
      let body = ''
      for await (const part of request.setEncoding('utf8')) body += part
      const { 'idempotency-key': key, 'content-type': type } = request.headers
      seen.push([request.method, request.url, key, type, body].join(' '))
      response.writeHead(201).end()
    }
    writeFileSync(join(io.cwd, 'body.json'), '{"größe":{{n}}}')
    const args = [
      '--count',
      '2',
      '--concurrency',
      '1',
      '--header',
      'Idempotency-Key: key-{{n}}',
      '--expect',
      '201,202',
    ]
    const code = await run(io, [
      'load',
      'http',
      `${url}/users/{{n}}?a={{pick "b c"}}`,
      '--body',
      '@body.json',
      ...args,
    ])
    expect(code).toBe(EXIT.ok)
    expect(seen).toEqual([
      'POST /users/1?a=b%20c key-1 application/json {"größe":1}',
      'POST /users/2?a=b%20c key-2 application/json {"größe":2}',
    ])
  })

  it('keeps a method and a type that are given', async () => {
    let head = ''
    answer = (request, response) => {
      head = `${request.method} ${request.headers['content-type']}`
      response.end()
    }
    await load('--count', '1', '--method', 'put', '--body', 'x', '--header', 'content-type: text/plain')
    expect(head).toBe('PUT text/plain')
  })
})

describe('a service that is not ready', () => {
  it('gets no load', async () => {
    ready = 503
    expect(await load('--count', '10')).toBe(EXIT.unreachable)
    expect(requests).toBe(0)
    expect(io.stderr.text).toContain(`${url}/health/ready is not ready: answered 503: {"status":"503"}`)
    expect(io.stderr.text).toContain('--no-health-check')
  })

  it('gets it where that is wanted', async () => {
    ready = 503
    expect(await load('--count', '10', '--no-health-check')).toBe(EXIT.ok)
    expect(requests).toBe(10)
  })

  it.each([[[]], [['--no-health-check']]])('is unreachable where nobody listens (%j)', async (args) => {
    await new Promise((done) => server.close(done))
    expect(await load('--count', '10', ...args)).toBe(EXIT.unreachable)
    expect(io.stderr.text).toContain('ECONNREFUSED')
  })
})

describe('over TLS', () => {
  const main = join(import.meta.dirname, '../main.ts')
  const authority = useOnce(createAuthority, async () => {})
  const secure = useOnce(
    async () => {
      const server = createSecureServer(await authority.issue(), (_, response) => void response.end('ok'))
      await once(server.listen(0, '127.0.0.1'), 'listening')
      return server
    },
    async (server) => void server.close(),
  )
  const place = () => `https://127.0.0.1:${(secure.address() as AddressInfo).port}/`

  it('trusts nobody whom nobody vouches for', async () => {
    const args = ['load', 'http', place(), '--count', '3', '--no-health-check', '--json']
    expect(await run(io, args)).toBe(EXIT.failed)
    expect((io.json[0] as LoadReport).errors).toMatchObject([
      { kind: 'other', code: expect.any(String), count: 3 },
    ])
  })

  it('trusts the authority that Node.js is told of', async () => {
    const ca = join(io.cwd, 'ca.pem')
    writeFileSync(ca, authority.ca)
    const args = ['--import', 'tsx', main, 'load', 'http', place(), '--count', '20', '--json']
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: ca }
    const { stdout } = await promisify(execFile)(process.execPath, args, { env })
    expect((JSON.parse(stdout) as LoadReport).requests).toMatchObject({ ok: 20, failed: 0 })
  })
})

describe('the exit code', () => {
  it.each([
    [['--max-p50', '1m', '--max-p95', '1m', '--max-p99', '1m', '--min-rate', '0.1/s'], EXIT.ok, ''],
    [['--max-p95', '1ms'], EXIT.failed, 'missed: p95 is '],
    [['--min-rate', '100000/s'], EXIT.failed, 'fewer than the 100000 wanted'],
    [['--expect', '201'], EXIT.failed, 'missed: 20 of 20 requests failed, more than the 0 allowed'],
    [['--expect', '201', '--max-errors', '100%'], EXIT.ok, ''],
    [['--expect', '201', '--max-errors', '19'], EXIT.failed, 'more than the 19 allowed'],
    [['--duration', '1s'], EXIT.usage, 'cannot be used with'],
    [['--rate', '0'], EXIT.usage, 'how many a second'],
    [['--max-errors', '101%'], EXIT.usage, 'a share such as 1%'],
    [['--expect', 'ok'], EXIT.usage, 'one status or several'],
    [['--header', 'nothing'], EXIT.usage, 'a name and a value'],
    [['--header', 'a: b\nc'], EXIT.usage, 'Invalid character in header'],
    [['--method', 'FETCH'], EXIT.usage, 'there is no method FETCH'],
    [['--body', '{{uid}}'], EXIT.usage, 'did you mean {{uuid}}?'],
    [['--body', '@nowhere.json'], EXIT.notFound, 'there is no file nowhere.json'],
    [['--concurrency', '1000000'], EXIT.usage, 'from 1 to 10000'],
  ])('of %j is %i', async (args, code, said) => {
    answer = async (_, response) => {
      await sleep(5)
      response.end()
    }
    expect(await load('--count', '20', ...args)).toBe(code)
    expect(io.stderr.text).toContain(said)
  })

  it.each(['ftp://localhost/', 'localhost:8000', 'http://u:hunter2@localhost/'])(
    'of %s is 2',
    async (place) => {
      expect(await run(io, ['load', 'http', place, '--count', '1'])).toBe(EXIT.usage)
      expect(io.stderr.text).not.toContain('hunter2')
    },
  )
})

describe('for people', () => {
  it('is a report on stdout', async () => {
    answer = (_, response, n) => response.writeHead(n === 1 ? 500 : 200).end('oh\u001b[2J')
    await load('--count', '10')
    const { text } = io.stdout
    expect(text).toContain(`target    http GET ${url}/route`)
    expect(text).toMatch(/ok {8}9, [\d.,]+\/s/)
    expect(text).toMatch(/LATENCY +MIN +P50 .* P99 +P999 +MAX/)
    expect(text).toContain('not corrected for coordinated omission')
    expect(text).toMatch(/1 {2}status 500 {2}answered 500: oh\?\[2J/)
    expect(io.stderr.text).toBe('missed: 1 of 10 requests failed, more than the 0 allowed\n')
  })

  it('says on a terminal how far it is', async () => {
    Object.assign(io.stderr, { isTTY: true, columns: 100 })
    answer = async (_, response) => {
      await sleep(50)
      response.end()
    }
    await load('--duration', '1500ms', '--concurrency', '2')
    expect(io.stderr.text).toMatch(/load {2}\d+ requests {2}(1s|\d+ms) of 1s 500ms|1s of 1s/)
    expect(io.stderr.text).toContain('p95 ')
  })
})
