import { describe, expect, test } from 'vitest'
import { decodeEntry } from '../core/codec.ts'
import { InvalidError } from '../core/errors.ts'
import { job } from './job.ts'
import { checkedEntry } from '../core/checked-entry.ts'
import { streamOf, tickEvent } from './tick-event.ts'

const TICK = Date.parse('2026-01-28T10:00:00Z')
const handler = () => {}

function issuesOf(declare: () => unknown): string[] {
  try {
    declare()
  } catch (error) {
    if (error instanceof InvalidError) return error.issues.map(({ path }) => path)
    throw error
  }
  throw new Error('it was expected to be refused')
}

describe('a declaration', () => {
  test('lists every mistake', () => {
    const wrong = { graceMs: 5, catchUp: 'all', overlap: 'never', timezone: 'Mars' } as never
    const paths = issuesOf(() => job('j', '61 * * * *', handler, wrong))
    expect(paths).toEqual(['graceMs', 'catchUp', 'overlap', 'schedule.minute', 'timezone'])
  })

  test.each([Number.NaN, -1, 300_001, Infinity])('refuses to be late by %j ms', (graceMs) => {
    expect(issuesOf(() => job('j', { everyMs: 250 }, handler, { graceMs }))).toEqual(['graceMs'])
  })

  test('refuses what is neither handler nor event', () => {
    expect(issuesOf(() => job('j', '@daily', undefined as never))).toEqual(['run'])
    expect(issuesOf(() => job('j', '@daily', { stream: '', type: 'a\nb' } as never))).toEqual([
      'run.stream',
      'run.type',
    ])
    const event = { stream: 's', type: 't', data: 1 }
    expect(issuesOf(() => job('j', '@daily', event, { overlap: 'skip' }))).toEqual(['overlap'])
  })

  test('refuses names that harm', () => {
    expect(() => job('a\nb', '@daily', handler)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
  })
})

describe('the event of a tick', () => {
  test('is the same wherever it is made, for a handler', () => {
    const [one, other] = [job('report', '@daily', handler), job('report', '@daily', () => {})]
    expect(streamOf(one)).toBe('millrace:jobs')
    expect(tickEvent(one, TICK)).toEqual(tickEvent(other, TICK))
    const { fields, idempotencyKey } = checkedEntry(tickEvent(one, TICK))
    expect(idempotencyKey).toBe('millrace:job:report@2026-01-28T10:00:00.000Z')
    expect(decodeEntry('millrace:jobs', { position: '5-0', fields })).toMatchObject({
      id: 'report@2026-01-28T10:00:00.000Z',
      type: 'report',
      time: '2026-01-28T10:00:00.000Z',
      key: 'report',
      data: { tick: '2026-01-28T10:00:00.000Z' },
    })
  })

  test('is what was declared, on the stream that was named', () => {
    const data = (tick: Date) => ({ at: tick.getTime() })
    for (const [given, wanted] of [
      [data, { at: TICK }],
      [{ message: 'hi' }, { message: 'hi' }],
    ]) {
      const pulse = job('pulse', { everyMs: 250 }, { stream: 's', type: 'test.event', data: given })
      expect(streamOf(pulse)).toBe('s')
      const event = decodeEntry('s', { position: '5-0', fields: checkedEntry(tickEvent(pulse, TICK)).fields })
      expect(event).toMatchObject({ type: 'test.event', key: 'pulse', data: wanted })
    }
  })
})
