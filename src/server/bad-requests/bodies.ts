import { gzipSync } from 'node:zlib'
import {
  BATCH,
  batch,
  event,
  GOOD_EVENT,
  LIMITS,
  request,
  verdict,
  type BadRequest,
  type Verdict,
  type Parts,
} from './bad-request.ts'

const { badBody, badType, tooLarge, invalid } = verdict

const row = (what: string, parts: Parts, expected: Verdict, errors?: string[]): BadRequest => ({
  what,
  wire: request(parts),
  ...expected,
  ...(errors && { errors }),
})

const deep = (levels: number, open = '[', close = ']', core = '') =>
  open.repeat(levels) + core + close.repeat(levels)
const utf16 = (order: 'le' | 'be') => {
  const text = Buffer.from(`\ufeff${event()}`, 'utf16le')
  return order === 'le' ? text : text.swap16()
}
const payload = (json: string) => `{"streamName":"bad:s","eventType":"t","payload":${json}}`
const typed = (type: string | undefined) => ({ body: event(), headers: { 'Content-Type': type } })
const coded = (coding: string, body: string | Uint8Array = event()) => ({
  body,
  headers: { 'Content-Encoding': coding },
})

/** No JSON at all, or JSON of a dialect. */
const NO_JSON: readonly [string, string | Uint8Array][] = [
  ['an empty body', ''],
  ['only spaces', ' \r\n\t '],
  ['one NUL', '\0'],
  ['a body that breaks off', '{"streamName":'],
  ['JSON and more', `${event()} x`],
  ['two documents', event() + event()],
  ['documents line by line', `${event()}\n${event()}\n`],
  ['single quotes', "{'streamName':'s'}"],
  ['names without quotes', '{streamName:"s"}'],
  ['a comma too much', '{"streamName":"s",}'],
  ['a hole in an array', payload('[1,,2]')],
  ['a comment', `/* */${event()}`],
  ['NaN', payload('NaN')],
  ['Infinity', payload('-Infinity')],
  ['undefined', payload('undefined')],
  ['a hexadecimal number', payload('0x10')],
  ['a number with a leading zero', payload('007')],
  ['a number that begins with a point', payload('.5')],
  ['a number that ends in a point', payload('5.')],
  ['a plus sign', payload('+1')],
  ['a big integer', payload('1n')],
  ['a number beyond numbers', payload('{"amounts":[1,1e309]}')],
  ['a number below numbers', payload('-1.5E+400')],
  ['a number of 400 digits', payload('9'.repeat(400))],
  ['a number of 305 digits and more of them', payload(`${'9'.repeat(305)}e9`)],
  ['a line break in a text', payload('"a\nb"')],
  ['a NUL in a text', payload('"a\0b"')],
  ['an unknown escape', payload(String.raw`"\x41"`)],
  ['half an escape', payload(String.raw`"\u12"`)],
  ['XML', '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'],
  ['a form', 'streamName=bad&eventType=t&payload=1'],
  ['YAML', 'streamName: bad\neventType: t\n'],
  ['MessagePack', new Uint8Array([0x81, 0xa1, 0x61, 0x01])],
  ['a serialized object', new Uint8Array([0xac, 0xed, 0x00, 0x05, 0x73])],
]

const ENCODINGS: readonly [string, Uint8Array][] = [
  ['invalid UTF-8', Buffer.from(event().replace('placed', '\xff\xfe'), 'latin1')],
  ['Latin-1', Buffer.from(event({ payload: 'café' }), 'latin1')],
  ['a character that breaks off', Buffer.from(payload('"\xe2\x82"'), 'latin1')],
  ['an overlong slash', Buffer.from(payload('"\xc0\xaf"'), 'latin1')],
  ['a surrogate in UTF-8', Buffer.from(payload('"\xed\xa0\x80"'), 'latin1')],
  ['a character beyond Unicode', Buffer.from(payload('"\xf4\x90\x80\x80"'), 'latin1')],
  ['UTF-16 with its mark', utf16('le')],
  ['UTF-16 in the other order', utf16('be')],
  ['UTF-16 without a mark', Buffer.from(event(), 'utf16le')],
  ['gzip that does not say so', gzipSync(event())],
]

const DEEP: readonly [string, string, string?][] = [
  ['arrays one too deep', payload(deep(LIMITS.jsonDepth))],
  ['objects one too deep', payload(deep(LIMITS.jsonDepth, '{"a":', '}', '1'))],
  ['20,000 arrays', payload(deep(20_000))],
  ['40,000 brackets that never close', '['.repeat(40_000)],
  ['arrays and objects by turns', payload(deep(50, '[{"a":', '}]', '1'))],
  ['a batch with one event too deep', batch(GOOD_EVENT).replace('1', deep(LIMITS.jsonDepth)), BATCH],
]

const TYPES: readonly [string, string | undefined][] = [
  ['no Content-Type', undefined],
  ['an empty Content-Type', ''],
  ['text', 'text/plain'],
  ['a form', 'application/x-www-form-urlencoded'],
  ['a form with files', 'multipart/form-data; boundary=x'],
  ['bytes', 'application/octet-stream'],
  ['XML', 'application/xml'],
  ['JSON lines', 'application/x-ndjson'],
  ['a type that begins like JSON', 'application/jsonp'],
  ['text that says it is JSON', 'text/json'],
  ['two types', 'application/json, text/plain'],
  ['Latin-1', 'application/json; charset=latin1'],
  ['UTF-16', 'application/json; charset=utf-16'],
  ['UTF-7', 'application/json; charset=utf-7'],
  ['two charsets', 'application/json; charset=utf-8; charset=utf-16'],
  ['a quote that never ends', 'application/json; charset="utf-8'],
  ['a very long type', `application/json; ${'x'.repeat(5_000)}`],
  ['a structured CloudEvent where there is no route for one', 'application/cloudevents+json'],
  ['a batch of CloudEvents where there is no route for one', 'application/cloudevents-batch+json'],
]

const CODINGS: readonly [string, Parts][] = [
  ['gzip', coded('gzip', gzipSync(event()))],
  ['gzip that is none', coded('gzip')],
  ['a bomb', coded('gzip', gzipSync(Buffer.alloc(1_000_000)))],
  ['deflate', coded('deflate')],
  ['brotli', coded('br')],
  ['zstd', coded('zstd')],
  ['two codings', coded('gzip, gzip', gzipSync(gzipSync(event())))],
  ['identity and gzip', coded('identity, gzip')],
  ['an unknown coding', coded('x-canary')],
]

const wide = (count: number) =>
  JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, number) => [`k${number}`, number])))

export const BODIES: readonly BadRequest[] = [
  row('no body', {}, badType),
  row('no body, of a type', { headers: { 'Content-Type': 'application/json' } }, badBody),
  ...NO_JSON.map(([what, body]) => row(`as a body: ${what}`, { body }, badBody)),
  ...ENCODINGS.map(([what, body]) => row(`as a body: ${what}`, { body }, badBody)),
  ...DEEP.map(([what, body, path]) => row(what, { body, ...(path && { path }) }, badBody)),
  ...TYPES.map(([what, type]) => row(`a body of the type: ${what}`, typed(type), badType)),
  ...CODINGS.map(([what, parts]) => row(`a body in the coding: ${what}`, parts, badType)),
  row('one byte over the limit', { body: event().padEnd(LIMITS.bodyBytes + 1) }, tooLarge),
  row('more bytes than characters', { body: event({ payload: '€'.repeat(LIMITS.bodyBytes / 3) }) }, tooLarge),
  row('a length of a terabyte', { body: '{}', headers: { 'Content-Length': '1099511627776' } }, tooLarge),
  row('a length beyond numbers', { body: '{}', headers: { 'Content-Length': '9'.repeat(18) } }, tooLarge),
  row(
    'a batch over its limit',
    { path: BATCH, body: batch(GOOD_EVENT).padEnd(LIMITS.batchBodyBytes + 1) },
    tooLarge,
  ),
  row('4,000 fields, and none that is wanted', { body: wide(4_000) }, invalid, [
    'streamName',
    'eventType',
    'payload',
  ]),
]
