import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { route } from '../src/app/app.ts'
import { RunningService } from './support/running-service.ts'
import { useRedis } from './support/use-redis.ts'

const { server: redis } = useRedis()
const options = { summary: 'Odd', answers: { 200: z.object({ ok: z.boolean() }), 204: null } }
/** Whatever the types say: no compiler looks at an app in JavaScript. */
const odd = (path: string, run: () => unknown) => route(`GET /odd/${path}`, options, run as never)
const ok = (headers: Record<string, string>) => ({ status: 200, body: { ok: true }, headers })

const routes = [
  odd('undefined', async () => Promise.reject(undefined)),
  odd('null', () => {
    throw null
  }),
  odd('text', () => {
    throw 'hunter2'
  }),
  odd('nothing', () => {}),
  odd('bigint', () => ({ status: 200, body: { ok: 5n } })),
  odd('line-break', () => ok({ 'x-name': 'a\r\nset-cookie: b' })),
  odd('control', () => ok({ 'x-name': '\u0001' })),
  odd('no-name', () => ok({ 'x name': 'a' })),
  odd('no-body', () => ({ status: 204, headers: { 'x-name': 'a\r\nset-cookie: b' } })),
]
const fine = [
  route('GET /fine/body', options, async () => ({
    status: 200,
    body: { ok: true },
    headers: { 'x-name': 'a' },
  })),
  route('GET /fine/none', options, async () => ({ status: 204, headers: { 'x-name': 'a' } })),
]
let running: RunningService
beforeAll(async () => {
  running = await RunningService.start(
    { routes: [...routes, ...fine] },
    { REDIS_URL: redis.url, ROLES: 'ingress' },
  )
})
afterAll(() => running.stop())

it.each(routes.map(({ path }) => path))(
  'the caller of %s is told nothing but an id, under which the log has more',
  async (path) => {
    const answer = await running.get(path)
    expect(answer.status).toBe(500)
    expect(answer.body).toMatchObject({ code: 'INTERNAL', status: 500 })
    expect(JSON.stringify(answer.body)).not.toContain('hunter2')
    const id = answer.headers.get('x-correlation-id')!
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('set-cookie')).toBeNull()
    expect(
      running.lines.filter((line) => line.includes(id) && line.includes('A request failed')),
    ).toHaveLength(1)
  },
)

it('headers that HTTP can carry go out, with a body and without', async () => {
  for (const [path, status] of [
    ['/fine/body', 200],
    ['/fine/none', 204],
  ] as const) {
    const answer = await fetch(running.service.url + path)
    expect([answer.status, answer.headers.get('x-name')]).toEqual([status, 'a'])
  }
})
