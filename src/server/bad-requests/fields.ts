import {
  BATCH,
  batch,
  CUSTOM,
  event,
  GOOD_EVENT,
  LIMITS,
  request,
  verdict,
  type BadRequest,
  type Verdict,
} from './bad-request.ts'

const { badBody, badName, invalid } = verdict

const one = (what: string, body: string, expected: Verdict, ...errors: string[]): BadRequest => ({
  what,
  wire: request({ body }),
  ...expected,
  errors,
})

const ALL = ['streamName', 'eventType', 'payload']

/** JSON, and no event. */
const SHAPES: readonly [string, string, ...string[]][] = [
  ['null', 'null', ''],
  ['true', 'true', ''],
  ['a number', '7', ''],
  ['a text', '"streamName"', ''],
  ['an array', '[]', ''],
  ['an event in an array', `[${event()}]`, ''],
  ['nothing', '{}', ...ALL],
  ['an event one level down', `{"event":${event()}}`, ...ALL],
  ['names in other letters', '{"streamname":"s","EventType":"t","PAYLOAD":1}', ...ALL],
  ['names with a NUL behind', '{"streamName\\u0000":"s","eventType\\u0000":"t","payload\\u0000":1}', ...ALL],
  ['its fields in __proto__', `{"__proto__":${event()}}`, ...ALL],
  ['its fields in constructor.prototype', `{"constructor":{"prototype":${event()}}}`, ...ALL],
  [
    'a CloudEvent',
    '{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"application/json","data":{}}',
    ...ALL,
  ],
  ['a batch', batch(GOOD_EVENT), ...ALL],
  ['no streamName', event({ streamName: undefined }), 'streamName'],
  ['no eventType', event({ eventType: undefined }), 'eventType'],
  ['no payload', event({ payload: undefined }), 'payload'],
  [
    'streamName twice, the last one of no use',
    `${event().slice(0, -1)},"streamName":{"$gt":""}}`,
    'streamName',
  ],
  ['eventType twice, the last one of no use', `${event().slice(0, -1)},"eventType":null}`, 'eventType'],
]

/** Of the wrong type, in the place of a name. */
const NO_TEXTS: readonly [string, unknown][] = [
  ['null', null],
  ['true', true],
  ['0', 0],
  ['a number', 7.5],
  ['a huge number', 1.7976931348623157e308],
  ['an array', []],
  ['a text in an array', ['s']],
  ['an object', {}],
  ['a condition for a database', { $ne: null }],
  ['a thing that says toString', { toString: 'x', valueOf: 'x' }],
]

/** Texts that are no names. */
const NO_NAMES: readonly [string, string][] = [
  ['empty', ''],
  ['257 characters long', 'x'.repeat(257)],
  ['40,000 characters long', 'x'.repeat(40_000)],
  ['a NUL', 'a\0b'],
  ['a line break', 'a\r\nXADD b'],
  ['a tab', 'a\tb'],
  ['an escape of a terminal', 'a\u001b[2J'],
  ['a delete', 'a\u007f'],
  ['a control character of the upper half', 'a\u0085b'],
  ['256 control characters', '\u0001'.repeat(256)],
  ['a line separator', 'a\u2028b'],
  ['a lone high surrogate', 'a\ud83d'],
  ['a lone low surrogate', '\udc00b'],
  ['surrogates in the wrong order', '\udc00\ud83d'],
]

const keyed = (what: string, key: string | string[], expected: Verdict, path = CUSTOM): BadRequest => ({
  what: `an Idempotency-Key ${what}`,
  wire: request({
    path,
    body: path === CUSTOM ? event() : batch(GOOD_EVENT),
    headers: { 'Idempotency-Key': key },
  }),
  ...expected,
})

export const FIELDS: readonly BadRequest[] = [
  ...SHAPES.map(([what, body, ...errors]) => one(`instead of an event: ${what}`, body, invalid, ...errors)),
  ...['streamName', 'eventType', 'key'].flatMap((field) =>
    NO_TEXTS.map(([what, value]) => one(`${field}: ${what}`, event({ [field]: value }), invalid, field)),
  ),
  ...['streamName', 'eventType', 'key'].flatMap((field) =>
    NO_NAMES.map(([what, value]) => one(`${field}: ${what}`, event({ [field]: value }), badName, field)),
  ),
  one('a bad name and a bad type', event({ streamName: '', key: 1 }), invalid, 'streamName', 'key'),
  keyed('that is empty', '', badName),
  keyed('of spaces', '   ', badName),
  keyed('that is too long', 'x'.repeat(241), invalid),
  keyed('of 10,000 characters', 'x'.repeat(10_000), invalid),
  keyed('with a control character of the upper half', 'a\u0085', badName),
  keyed('given twice', ['a', 'b'], invalid),
  keyed('given twice, and both the same', ['a', 'a'], invalid),
  keyed('given twice, for a batch', ['a', 'a'], invalid, BATCH),
]

const many = (what: string, body: string, expected: Verdict, ...errors: string[]): BadRequest => ({
  what: `a batch: ${what}`,
  wire: request({ path: BATCH, body }),
  ...expected,
  ...(expected !== badBody && { errors }),
})

const good = (count: number): unknown[] => Array.from({ length: count }, () => GOOD_EVENT)
const other = (change: object): unknown => JSON.parse(event(change)) as unknown

export const BATCHES: readonly BadRequest[] = [
  many('nothing', '{}', invalid, 'events'),
  many('null', 'null', invalid, ''),
  many('a bare list', `[${event()}]`, invalid, ''),
  many('one event', event(), invalid, 'events'),
  many('events null', '{"events":null}', invalid, 'events'),
  many('events a text', '{"events":"[]"}', invalid, 'events'),
  many('events an object', `{"events":{"0":${event()},"length":1}}`, invalid, 'events'),
  many('events in __proto__', `{"__proto__":{"events":[${event()}]}}`, invalid, 'events'),
  many('empty', batch(), invalid, 'events'),
  many('one too many', batch(...good(LIMITS.batchEvents + 1)), invalid, 'events'),
  many('30,000 of nothing', `{"events":[${'{},'.repeat(29_999)}{}]}`, invalid, 'events'),
  many('45,000 numbers', `{"events":[${'1,'.repeat(44_999)}1]}`, invalid, 'events'),
  many('an event in a list in the list', batch([GOOD_EVENT]), invalid, 'events.0'),
  many('null among good ones', batch(...good(4), null, ...good(5)), invalid, 'events.4'),
  many(
    'one without payload among good ones',
    batch(...good(9), other({ payload: undefined })),
    invalid,
    'events.9.payload',
  ),
  many(
    'one bad name among good ones',
    batch(...good(9), other({ eventType: '\t' })),
    badName,
    'events.9.eventType',
  ),
  many(
    'a bad name and a bad type',
    batch(other({ streamName: '' }), other({ key: 1 })),
    invalid,
    'events.0.streamName',
    'events.1.key',
  ),
  many(
    'mixed faults',
    batch({}, GOOD_EVENT, other({ streamName: [] }), 'x'),
    invalid,
    'events.0.streamName',
    'events.0.eventType',
    'events.0.payload',
    'events.2.streamName',
    'events.3',
  ),
  many('events twice, the last one empty', `{"events":[${event()}],"events":[]}`, invalid, 'events'),
  many('a good one, and then no more JSON', `{"events":[${event()},`, badBody),
]
