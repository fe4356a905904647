import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { RunningService } from '../../../test/support/running-service.ts'
import { useOnce } from '../../../test/support/use.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import type { Issue } from '../../core/errors.ts'
import { keyItem } from '../../security/api-key.ts'
import { ADMINISTRATION } from './admin.ts'
import { BATCH, batch, event, GOOD_EVENT, KEYS, LIMITS, request, type BadRequest } from './bad-request.ts'
import { BODIES } from './bodies.ts'
import { CALLERS, DISGUISES, ISSUER } from './callers.ts'
import { exchange, type Answer } from './exchange.ts'
import { BATCHES, FIELDS } from './fields.ts'
import { FRAMING, SLOW } from './framing.ts'
import { SETTINGS_CHANGES } from './settings.ts'
import { TARGETS } from './targets.ts'

const THEMES = {
  bodies: BODIES,
  fields: FIELDS,
  batches: BATCHES,
  'paths, queries and methods': TARGETS,
  settings: SETTINGS_CHANGES,
  administration: ADMINISTRATION,
  callers: CALLERS,
  'the wire': FRAMING,
}
const AT_ONCE = Object.values(THEMES).flat()

/** What nobody outside may ever read. */
const CANARY = 'cAnArY-5e1f'
const { server: redis, admin } = useRedis()

const KEY_ITEMS = [
  keyItem(KEYS.everything, 'tester', 'publish+read+admin'),
  keyItem(KEYS.publish, 'publisher', 'publish'),
  keyItem(KEYS.read, 'reader', 'read'),
  keyItem(KEYS.expired, 'former', 'admin', '2020-01-01'),
]

function environment(): NodeJS.ProcessEnv {
  const jwks = join(redis.dir, 'jwks.json')
  writeFileSync(jwks, JSON.stringify({ keys: [ISSUER.publicKey.export({ format: 'jwk' })] }))
  return {
    HOST: '127.0.0.1',
    ROLES: 'connector',
    REDIS_URL: redis.url.replace('//', `//service:${CANARY}@`),
    LOG_LEVEL: 'debug',
    API_KEYS: KEY_ITEMS.join(),
    JWT_ISSUER: ISSUER.name,
    JWT_AUDIENCE: ISSUER.audience,
    JWT_JWKS_PATH: jwks,
    MAX_BODY_BYTES: String(LIMITS.bodyBytes),
    MAX_BATCH_BODY_BYTES: String(LIMITS.batchBodyBytes),
    MAX_BATCH_EVENTS: String(LIMITS.batchEvents),
    MAX_JSON_DEPTH: String(LIMITS.jsonDepth),
  }
}

const useService = (more: NodeJS.ProcessEnv = {}) =>
  useOnce(
    async () => {
      await admin.send(['ACL', 'SETUSER', 'service', 'reset', 'on', `>${CANARY}`, '~*', '+@all'])
      return RunningService.start({}, { ...environment(), ...more })
    },
    (it) => it.stop(),
  )

/** How many entries every stream ever took. */
async function written(): Promise<Record<string, unknown>> {
  const streams: Record<string, unknown> = {}
  let cursor = '0'
  do {
    const [next, keys] = await admin.send<[string, string[]]>(['SCAN', cursor, 'TYPE', 'stream'])
    for (const key of keys) streams[key] = await admin.send(['XINFO', 'STREAM', key])
    cursor = next
  } while (cursor !== '0')
  return streams
}

const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** Stacks, files, modules, keys, digests, and what stands in URLs of servers. */
const INTERNALS = new RegExp(
  [
    CANARY,
    String.raw`\n\s+at `,
    'node_modules',
    String.raw`\.[cm]?[jt]s:\d`,
    'node:',
    'redis:',
    '[0-9a-f]{64}',
    'mr_0',
  ].join('|'),
)

function expectProblem(answer: Answer, { status, code, errors, wire }: BadRequest): void {
  const problem = JSON.parse(answer.body) as { errors?: Issue[] }
  expect(problem).toMatchObject({
    type: 'about:blank',
    title: expect.any(String),
    detail: expect.any(String),
    status,
    code,
  })
  expect(answer.status).toBe(status)
  const paths = problem.errors?.map(({ path }) => path)
  expect(paths).toEqual(errors ?? paths)
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    ...SECURITY_HEADERS,
    'content-type': 'application/problem+json',
    'x-correlation-id': expect.stringMatching(/^[\w-]+$/),
  })
  expect(answer.body + JSON.stringify([...answer.headers])).not.toMatch(INTERNALS)
  expect(answer.body.length).toBeLessThan(4_000)
  expect(echo(answer.body, Buffer.from(wire).toString())).toBe('')
}

const STEP = 100
/** What stands in the answer of what was sent, where it is more than a little. */
function echo(answer: string, sent: string): string {
  for (let start = 0; start + 3 * STEP <= answer.length; start += STEP) {
    const piece = answer.slice(start, start + 3 * STEP)
    if (sent.includes(piece)) return piece
  }
  return ''
}

const statusOf = ({ status }: { status: number }): number => status
const statusesFor = ({ after = [], status }: BadRequest): number[] => [...after, status]

/** It takes events still, one and many. */
async function expectGood(url: string): Promise<void> {
  const good = [request({ body: event() }), request({ path: BATCH, body: batch(GOOD_EVENT, GOOD_EVENT) })]
  for (const wire of good) expect((await exchange(url, { wire })).map(statusOf)).toEqual([201])
}

const faults = ({ lines }: RunningService) => lines.filter((line) => /ERROR|A request failed/.test(line))

it('the table has no row twice, and more than enough', () => {
  const rows = [...AT_ONCE, ...SLOW, ...DISGUISES]
  expect(new Set(rows.map(({ what }) => what)).size).toBe(rows.length)
  expect(rows.length).toBeGreaterThan(500)
})

describe('a bad request is answered with a problem that gives nothing away, and nothing is written', () => {
  const running = useService()

  describe.each(Object.entries(THEMES))('%s', (_, rows) => {
    it.each(rows)('$what: $status $code', async (row) => {
      const before = await written()
      const answers = await exchange(running.service.url, row)
      expect(answers.map(statusOf)).toEqual(statusesFor(row))
      expectProblem(answers.at(-1)!, row)
      expect(await written()).toEqual(before)
    })
  })

  it('and a wrong method hears of the right ones', async () => {
    const ask = async (method: string, path: string) => {
      const [answer] = await exchange(running.service.url, { wire: request({ method, path }) })
      return answer!.headers.get('allow')
    }
    expect(await ask('DELETE', '/health')).toBe('GET, HEAD')
    expect(await ask('GET', BATCH)).toBe('POST')
  })

  it('and the service is well: it takes what is good, and found no fault of its own', async () => {
    await expectGood(running.service.url)
    expect(faults(running)).toEqual([])
  })

  it('and its memory stays as it is, however often', async () => {
    const { url } = running.service
    const round = async () => {
      for (let start = 0; start < AT_ONCE.length; start += 20)
        await Promise.all(AT_ONCE.slice(start, start + 20).map((row) => exchange(url, row)))
      running.lines.length = 0
    }
    for (let turn = 0; turn < 3; turn++) await round()
    const before = await usedHeap()
    for (let turn = 0; turn < 20; turn++) await round()
    expect((await usedHeap()) - before).toBeLessThan(10_000_000)
    await expectGood(url)
  }, 180_000)
})

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What is left, in bytes, when all that nobody needs is gone. */
async function usedHeap(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed + process.memoryUsage().external
}

describe('a client that is slow is let go, and nothing is written', () => {
  const running = useService({ REQUEST_TIMEOUT_MS: '300' })

  describe.concurrent('with a problem', () => {
    it.each(SLOW)('$what: $status $code', async (row) => {
      const answers = await exchange(running.service.url, row)
      expect(answers.map(statusOf)).toEqual(statusesFor(row))
      expectProblem(answers.at(-1)!, row)
    })
  })

  it('twenty of each at once leave nothing behind', async () => {
    const before = await written()
    const all = Array.from({ length: 20 }, () => SLOW).flat()
    await Promise.all(all.map((row) => exchange(running.service.url, row)))
    expect(await written()).toEqual(before)
    expect(faults(running)).toEqual([])
    await expectGood(running.service.url)
  })
})

describe('a client over its limit is known in any disguise', () => {
  const running = useService({ RATE_LIMIT_MAX: '1', RATE_LIMIT_WINDOW_MS: '3600000' })

  it.each(DISGUISES)('$what', async (row) => {
    // One of these is the first within the window; where Redis was slow to count, this instance counted anew.
    await exchange(running.service.url, {
      wire: request({ method: 'GET', path: '/', headers: { 'X-Api-Key': undefined } }),
    })
    const answers = await exchange(running.service.url, row)
    expect(answers.map(statusOf)).toEqual(statusesFor(row))
    expectProblem(answers.at(-1)!, row)
  })

  it('and those who have a key are served', async () => {
    const wire = request({ body: event() })
    expect((await exchange(running.service.url, { wire })).map(statusOf)).toEqual([201])
  })
})
