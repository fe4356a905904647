import { describe, expect, it } from 'vitest'
import { decodeEntry } from '../core/codec.ts'
import { payloadText, payloadValue } from './payload.ts'

const textOf = (...fields: string[]) => {
  const entry = { position: '1-0', fields }
  return payloadText(entry, decodeEntry('s', entry))
}

describe('payloadText', () => {
  it('keeps the JSON as it stood, in every format', () => {
    const json = '{ "n": 12345678901234567890, "e": 1.0e2 }'
    expect(textOf('type', 't', 'data', json)).toBe(json)
    expect(textOf('data', json, 'type', 't', 'id', '7')).toBe(json)
    expect(textOf('eventType', 't', 'payload', json)).toBe(json)
    expect(textOf('event', 't', 'payload', json, 'headers', '{}')).toBe(json)
    expect(textOf('requestId', '1', 'data', json)).toBe(json)
  })

  it('takes the last of several fields of one name, as decoding does', () => {
    expect(textOf('type', 't', 'data', '1', 'data', '2')).toBe('2')
  })

  it('makes JSON of data that is none', () => {
    expect(textOf('type', 't', 'data', 'a "b"', 'datacontenttype', 'text/plain')).toBe('"a \\"b\\""')
    expect(textOf('temperature', '21', '__proto__', 'x')).toBe('{"temperature":"21","__proto__":"x"}')
  })

  it('keeps all fields of what can not be decoded, or not be written as JSON', () => {
    const fields = ['type', 't', 'data', '{broken\0']
    const expected = '{"type":"t","data":"{broken\\u0000"}'
    expect(payloadText({ position: '1-0', fields }, undefined)).toBe(expected)
    const event = { id: '1', type: 't', time: '', data: 1n, headers: {} }
    expect(payloadText({ position: '1-0', fields: ['a', 'b'] }, event)).toBe('{"a":"b"}')
  })
})

describe('payloadValue', () => {
  it('is the value', () => {
    expect(payloadValue('{"a":[1,"]["]}')).toEqual({ a: [1, ']['] })
    expect(payloadValue('null')).toBeNull()
  })

  it('is the text where the value could not be handed on', () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000)
    expect(payloadValue(deep)).toBe(deep)
    expect(payloadValue('{broken')).toBe('{broken')
  })

  it('counts no brackets in strings', () => {
    const text = JSON.stringify({ a: `"\\${'['.repeat(1_000)}` })
    expect(payloadValue(text)).toEqual({ a: `"\\${'['.repeat(1_000)}` })
    const wide = `[${Array.from({ length: 1_000 }, () => '[]').join()}]`
    expect(payloadValue(wide)).toHaveLength(1_000)
  })
})
