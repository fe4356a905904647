import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { namedFields } from '../../core/codec.ts'
import { startTestRedis } from '../../engines/test-servers.ts'
import { openConnection } from '../../redis/connections/servers.ts'
import { until } from '../../../test/support/until.ts'
import { useCommand } from '../../../test/support/use-command.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import type { LoadReport } from '../../load/report.ts'
import { EXIT } from '../exit.ts'

const { server, admin } = useRedis()
const command = useCommand(server)
let number = 0

const newStream = () => `load:${++number}`
const entries = async (stream: string) =>
  (await admin.send<[string, string[]][]>(['XRANGE', stream, '-', '+'])).map(([, fields]) =>
    namedFields(fields),
  )

describe('millrace load stream', () => {
  it('publishes exactly as many events as asked for, rendered anew', async () => {
    const stream = newStream()
    const data = '{"n":{{n}},"id":"{{uuid}}"}'
    const { code, json } = await command([
      'load',
      'stream',
      stream,
      '--type',
      'made.up',
      '--data',
      data,
      '--count',
      '2500',
      '--json',
    ])
    expect(code).toBe(EXIT.ok)
    const report = json as LoadReport
    expect(report.target).toEqual({ kind: 'stream', stream, type: 'made.up' })
    expect(report.requests).toMatchObject({ begun: 2_500, ok: 2_500, failed: 0 })
    expect(report.latency!.count).toBe(2_500)
    const written = await entries(stream)
    expect(written.length).toBe(2_500)
    expect(new Set(written.map((fields) => fields.get('type')))).toEqual(new Set(['made.up']))
    const numbers = written.map((fields) => (JSON.parse(fields.get('data')!) as { n: number }).n)
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 2_500 }, (_, index) => index + 1))
  })

  it('keeps a rate', async () => {
    const stream = newStream()
    const args = ['--type', 't', '--data', '1', '--rate', '200/s', '--duration', '1s', '--json']
    const { json } = await command(['load', 'stream', stream, ...args])
    expect((json as LoadReport).requests).toMatchObject({ begun: 200, ok: 200, neverBegun: 0 })
    expect((await entries(stream)).length).toBe(200)
  })

  it('counts what Redis refuses', async () => {
    const stream = newStream()
    await admin.send(['SET', stream, 'no stream'])
    const args = ['--type', 't', '--data', '1', '--count', '5', '--json']
    const { code, json } = await command(['load', 'stream', stream, ...args])
    expect(code).toBe(EXIT.failed)
    expect((json as LoadReport).errors).toMatchObject([
      { kind: 'other', count: 5, sample: expect.stringContaining(stream) },
    ])
  })

  it('counts what was not published while Redis was away', async () => {
    const leaving = await startTestRedis()
    const stream = newStream()
    const args = [
      '--rate',
      '100/s',
      '--duration',
      '2s',
      '--timeout',
      '300ms',
      '--json',
      '--redis',
      leaving.url,
    ]
    const running = command(['load', 'stream', stream, '--type', 't', '--data', '1', ...args])
    const connection = await openConnection({ url: leaving.url }, 'test')
    await until('events', async () => (await connection.send<number>(['XLEN', stream])) > 20)
    await connection.close()
    await leaving.stop()
    const { code, json } = await running
    expect(code).toBe(EXIT.failed)
    const { requests, errors } = json as LoadReport
    expect(requests.ok).toBeGreaterThan(20)
    expect(requests.ok + requests.failed).toBe(requests.begun)
    expect(requests.begun + requests.neverBegun).toBe(200)
    expect(errors.map((error) => error.code)).toContain('REDIS_UNAVAILABLE')
  })

  it.each([
    [
      'data that is no JSON',
      ['--type', 't', '--data', '{{uuid}}'],
      EXIT.usage,
      'is not JSON once it is rendered',
    ],
    ['no type', ['--data', '1'], EXIT.usage, '--type'],
    ['a type with control characters', ['--type', 'a\nb', '--data', '1'], EXIT.usage, 'control characters'],
    [
      'Redis away',
      ['--type', 't', '--data', '1', '--redis', 'redis://127.0.0.1:1'],
      EXIT.unreachable,
      "can't be reached",
    ],
  ])('says what is wrong with %s', async (_, args, code, said) => {
    const ran = await command(['load', 'stream', newStream(), '--count', '1', ...args])
    expect(ran.code).toBe(code)
    expect(ran.err).toContain(said)
  })
})

describe('millrace load rpc', () => {
  /** Answers what comes on a stream, as a proxy does, until it is stopped. */
  async function respond(
    stream: string,
    replies: string,
    reply: (data: string, n: number) => string[] | undefined,
  ) {
    const stop = new AbortController()
    const answering = (async () => {
      let after = '0-0'
      for (let n = 0; !stop.signal.aborted; await sleep(2)) {
        const rows = await admin.send<[string, string[]][]>(['XRANGE', stream, `(${after}`, '+'])
        for (const [position, fields] of rows) {
          after = position
          const request = namedFields(fields)
          const answer = reply(request.get('data')!, ++n)
          if (answer)
            await admin.send(['XADD', replies, '*', 'requestId', request.get('requestId')!, ...answer])
        }
      }
    })()
    return async () => {
      stop.abort()
      await answering
    }
  }

  it('measures from request to reply, of its own requests alone', async () => {
    const stream = `${newStream()}-requests`
    const replies = stream.replace('-requests', '-responses')
    const cities = new Set<string>()
    const stop = await respond(stream, replies, (data) => {
      cities.add((JSON.parse(data) as { city: string }).city)
      return ['data', data]
    })
    await admin.send(['XADD', replies, '*', 'requestId', 'of somebody else', 'data', '{}'])
    const data = '{"city":"{{pick "New York" Seattle}}"}'
    const { code, json } = await command(['load', 'rpc', stream, '--data', data, '--count', '300', '--json'])
    await stop()
    expect(code).toBe(EXIT.ok)
    const report = json as LoadReport
    expect(report.target).toEqual({ kind: 'rpc', stream, replies })
    expect(report.requests).toMatchObject({ begun: 300, ok: 300, failed: 0 })
    expect([...cities].toSorted()).toEqual(['New York', 'Seattle'])
    const written = await entries(stream)
    expect(written.length).toBe(300)
    expect([...written[0]!.keys()]).toEqual(['requestId', 'data'])
    expect(new Set(written.map((fields) => fields.get('requestId'))).size).toBe(300)
  })

  it('groups errors that are replied, and what is never replied', async () => {
    const [stream, replies] = [newStream(), newStream()]
    const stop = await respond(stream, replies, (data, n) => {
      if (n % 4 === 0) return undefined
      if (n % 4 === 1) return ['error', '{"code":"NO_SUCH_CITY"}']
      return n % 4 === 2 ? ['error', 'broken'] : ['data', data]
    })
    const args = ['--replies', replies, '--data', '{}', '--count', '40', '--timeout', '2s', '--json']
    const { code, json } = await command(['load', 'rpc', stream, '--concurrency', '40', ...args])
    await stop()
    expect(code).toBe(EXIT.failed)
    const { requests, errors } = json as LoadReport
    expect(requests).toMatchObject({ ok: 10, failed: 30 })
    expect(errors.map(({ kind, code, count }) => [kind, code, count]).toSorted()).toEqual([
      ['other', 'NO_SUCH_CITY', 10],
      ['other', 'REPLY_ERROR', 10],
      ['timeout', null, 10],
    ])
  })

  it('says why no reply can be read', async () => {
    const [stream, replies] = [newStream(), newStream()]
    await admin.send(['SET', replies, 'no stream'])
    const args = ['--replies', replies, '--data', '{}', '--count', '2', '--json']
    const { json } = await command(['load', 'rpc', stream, ...args])
    expect((json as LoadReport).errors).toMatchObject([
      { count: 2, sample: expect.stringContaining('WRONGTYPE') },
    ])
  })

  it('asks where the replies come when nobody can know', async () => {
    const { code, err } = await command(['load', 'rpc', 'questions', '--data', '1', '--count', '1'])
    expect(code).toBe(EXIT.usage)
    expect(err).toContain('--replies STREAM')
  })
})
