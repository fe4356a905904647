import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { InvalidError } from '../core/errors.ts'
import { route } from './route.ts'

const answers = { 200: z.object({ ok: z.literal(true) }), 204: null }

const issuesOf = (declare: () => unknown) => {
  try {
    declare()
  } catch (error) {
    if (error instanceof InvalidError) return error.issues.map(({ path }) => path)
  }
  throw new Error('nothing was refused')
}

describe('a route', () => {
  it('is declared by a line, and its handler is typed by it and by its schemas', async () => {
    const body = z.object({ n: z.coerce.number() })
    const declared = route(
      'POST /api/rooms/:room/seats/:seat',
      { summary: 'Takes a seat', body, answers },
      async ({ params, body, query, caller }, { publish }) => {
        expectTypeOf(params).toEqualTypeOf<{ room: string; seat: string }>()
        expectTypeOf(body.n).toBeNumber()
        expectTypeOf(query).toEqualTypeOf<Record<string, never>>()
        expectTypeOf(caller?.name).toEqualTypeOf<string | undefined>()
        expectTypeOf(publish).toBeFunction()
        return body.n > 0 ? { status: 200, body: { ok: true } } : { status: 204 }
      },
    )
    expect(declared).toMatchObject({ method: 'POST', path: '/api/rooms/:room/seats/:seat', tag: 'App' })
    expect(Object.keys(declared.params!.shape)).toEqual(['room', 'seat'])
  })

  it('answers what it declares', () => {
    const declare = () => {
      // @ts-expect-error -- another status
      route('GET /a', { summary: 'A', answers }, async () => ({ status: 201, body: { ok: true } }))
      // @ts-expect-error -- another body
      route('GET /a', { summary: 'A', answers }, async () => ({ status: 200, body: { ok: false } }))
      // @ts-expect-error -- no body
      route('GET /a', { summary: 'A', answers }, async () => ({ status: 200 }))
    }
    expect(declare).not.toThrow()
  })

  it('needs the scope `read` for GET and `publish` for the others, unless it says something else', () => {
    const scopeOf = (line: 'GET /a' | 'PUT /a', scope?: 'admin' | null) =>
      route(line, { summary: 'A', answers, ...(scope !== undefined && { scope }) }, async () => ({
        status: 204,
      })).scope
    expect([
      scopeOf('GET /a'),
      scopeOf('PUT /a'),
      scopeOf('GET /a', 'admin'),
      scopeOf('PUT /a', null),
    ]).toEqual(['read', 'publish', 'admin', undefined])
  })

  it('lists every mistake of a declaration at once', () => {
    const options = {
      summary: '',
      tag: 7,
      scope: 'root',
      params: z.object({ user: z.string() }),
      query: z.string(),
      headers: { 'x-a': z.string() },
      body: { type: 'object' },
      answers: { 200: 'text', 404: null, fine: null },
    }
    const issues = issuesOf(() => route('FETCH api/*/:id/:id' as never, options as never, undefined as never))
    expect(issues).toEqual([
      'method',
      'path',
      'path',
      'summary',
      'tag',
      'scope',
      'query',
      'headers',
      'body',
      'params.id',
      'params.id',
      'params.user',
      'answers.200',
      'answers.404',
      'answers.fine',
      'handle',
    ])
    expect(issuesOf(() => route('GET /a' as never, { summary: 'A' } as never, (() => {}) as never))).toEqual([
      'answers',
    ])
  })

  it('refuses to be idempotent where that means nothing, and impossible time limits', () => {
    const headers = z.object({ 'idempotency-key': z.string() })
    const declare = (line: string, more: object) => () =>
      route(line as never, { summary: 'A', answers, ...more } as never, (() => {}) as never)
    expect(issuesOf(declare('GET /a', { idempotent: true }))).toEqual(['idempotent'])
    expect(issuesOf(declare('POST /a', { idempotent: 'yes', timeoutMs: 0 }))).toEqual([
      'idempotent',
      'timeoutMs',
    ])
    expect(issuesOf(declare('POST /a', { idempotent: true, headers }))).toEqual(['headers'])
    for (const timeoutMs of [1.5, '7', -1, NaN, 3_600_001])
      expect(issuesOf(declare('POST /a', { timeoutMs }))).toEqual(['timeoutMs'])
    expect(declare('POST /a', { idempotent: true, timeoutMs: 3_600_000 })).not.toThrow()
  })

  it.each([
    'GET /a/',
    'GET a',
    'GET  /a',
    'GET /a b',
    'GET /ä',
    'GET /a/:1',
    'GET /:a?',
    'GET /a/:id{\\d+}',
    '',
    7,
  ])('refuses the line %j', (line) => {
    expect(issuesOf(() => route(line as never, { summary: 'A', answers }, (() => {}) as never))).not.toEqual(
      [],
    )
  })
})
