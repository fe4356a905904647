import { describe, expect, it } from 'vitest'
import { InvalidError, MillraceError, type ErrorCode, type Issue } from '../core/errors.ts'
import { fakeServer, json } from './fake-ports.ts'

const failure = (code: ErrorCode, message = 'why') => new MillraceError(code, message)
const event = (streamName: string, payload: unknown = 1) => ({ streamName, eventType: 't', payload })
const one = JSON.stringify(event('s'))
const many = (...streams: string[]) => JSON.stringify({ events: streams.map((stream) => event(stream)) })

describe('one event', () => {
  it.each<[ErrorCode, number, string | null]>([
    ['EVENT_INVALID', 400, null],
    ['NAME_INVALID', 400, null],
    ['UNKNOWN_STREAM', 404, null],
    ['EVENT_TOO_LARGE', 413, null],
    ['EVENT_FILTERED', 422, null],
    ['GROUP_BUSY', 409, null],
    ['IDEMPOTENCY_CONFLICT', 422, null],
    ['PUBLISH_UNCERTAIN', 503, null],
    ['PUBLISH_QUEUE_FULL', 503, '1'],
    ['REDIS_UNAVAILABLE', 503, '5'],
    ['REDIS_REFUSED', 503, '5'],
    ['CLOSED', 503, '5'],
  ])('%s is %i, whether as its result or thrown', async (code, status, retryAfter) => {
    for (const publish of [async () => [failure(code)], () => Promise.reject(failure(code))]) {
      const { post, logged } = fakeServer({ publish })
      const response = await post('/api/events/custom', one)
      expect(response.status).toBe(status)
      expect(response.headers.get('retry-after')).toBe(retryAfter)
      expect(await response.json()).toMatchObject({ status, code, detail: 'why' })
      expect(logged).toEqual([])
    }
  })

  it('names the fields at fault as the request does', async () => {
    const issues = [
      { path: 'data.user.email', message: 'is no address' },
      { path: 'data', message: 'is odd' },
      { path: 'database', message: 'is another word' },
    ]
    const { post } = fakeServer({
      publish: () => Promise.reject(new InvalidError('EVENT_INVALID', 'no', issues)),
    })
    const { errors } = await json<{ errors: Issue[] }>(await post('/api/events/custom', one))
    expect(errors.map(({ path }) => path)).toEqual(['payload.user.email', 'payload', 'database'])
  })

  it('says nothing of results that are missing', async () => {
    const { post } = fakeServer({ publish: async () => [] })
    expect((await post('/api/events/custom', one)).status).toBe(500)
    expect((await post('/api/events/batch', many('a'))).status).toBe(500)
  })
})

describe('a batch', () => {
  it('is checked as a whole before anything is published', async () => {
    const { post, published } = fakeServer({
      async prepare(stream) {
        const issues = [{ path: 'data.a', message: 'is required' }]
        if (stream === 'strict') throw new InvalidError('EVENT_INVALID', 'no', issues)
        if (stream === 'small') throw failure('EVENT_TOO_LARGE', 'has 9 bytes')
        return []
      },
    })
    const response = await post('/api/events/batch', many('a', 'strict', 'small'))
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      code: 'EVENT_INVALID',
      errors: [
        { path: 'events.1.payload.a', message: 'is required' },
        { path: 'events.2', message: 'has 9 bytes' },
      ],
    })
    const onlySize = await post('/api/events/batch', many('a', 'small'))
    expect(await onlySize.json()).toMatchObject({ status: 413, code: 'EVENT_TOO_LARGE' })
    expect(published).toEqual([])
  })

  it('tells what was published when only part of it was', async () => {
    const { post } = fakeServer({
      async publish(stream, events) {
        if (stream === 'away') throw failure('REDIS_UNAVAILABLE')
        return events.map((_, index) =>
          stream === 'half' && index === 1 ? failure('PUBLISH_UNCERTAIN') : `${stream}-${index}`,
        )
      },
    })
    const response = await post('/api/events/batch', many('good', 'half', 'away', 'half'))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBeNull()
    expect(await response.json()).toMatchObject({
      code: 'PUBLISH_FAILED',
      detail: '2 of 4 events were not published; see results',
      results: [
        { messageId: 'good-0' },
        { messageId: 'half-0' },
        { status: 503, code: 'REDIS_UNAVAILABLE', detail: 'why' },
        { status: 503, code: 'PUBLISH_UNCERTAIN', detail: 'why' },
      ],
    })
  })

  it('may be sent again when none of it was published, and not when some of it was', async () => {
    const { post } = fakeServer({ publish: () => Promise.reject(failure('REDIS_UNAVAILABLE')) })
    const response = await post('/api/events/batch', many('a', 'b'))
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
    const publish = async (stream: string) => [stream === 'a' ? failure('REDIS_UNAVAILABLE') : 'id']
    const partly = await fakeServer({ publish }).post('/api/events/batch', many('a', 'b'))
    expect([partly.status, partly.headers.get('retry-after')]).toEqual([503, null])
  })

  it('has the gravest status, and hides a fault of ours', async () => {
    const { post, logged } = fakeServer({
      publish: (stream) =>
        Promise.reject(stream === 'a' ? failure('IDEMPOTENCY_CONFLICT') : new TypeError('secret')),
    })
    expect((await post('/api/events/batch', many('a'))).status).toBe(422)
    const response = await post('/api/events/batch', many('a', 'b'))
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
    expect(logged).toHaveLength(1)
  })

  it('with a thousand faults is answered in few words', async () => {
    const prepare = () => {
      throw failure('EVENT_INVALID', 'x'.repeat(100))
    }
    const limits = { batchEvents: 1000, batchBodyBytes: 1e6 }
    const response = await fakeServer({ prepare }, limits).post(
      '/api/events/batch',
      many(...Array<string>(1000).fill('s')),
    )
    expect((await response.text()).length).toBeLessThan(20_000)
  })
})
