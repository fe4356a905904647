import { BATCH, CUSTOM, event, KEYS, LIMITS, request, verdict, type BadRequest } from './bad-request.ts'

const { badBody, invalid, tooLarge, tooManyHeaders, tooSlow, wrongMethod, badType, notFound } = verdict

const HOST = 'Host: millrace.test\r\n'
const CLOSE = 'Connection: close\r\n'
const KEY = `X-Api-Key: ${KEYS.everything}\r\n`
const JSON_TYPE = 'Content-Type: application/json\r\n'
const HEAD = `POST ${CUSTOM} HTTP/1.1\r\n${HOST}${KEY}${JSON_TYPE}`
const BODY = event()
const LENGTH = `Content-Length: ${BODY.length}\r\n`
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const hex = (length: number) => length.toString(16)
const CHUNK = `${hex(BODY.length)}\r\n${BODY}\r\n`
const get = (line: string, headers = HOST) => `${line}\r\n${headers}${CLOSE}\r\n`

/** What is no request of HTTP/1.1, and what would be read as two requests by somebody else on the way. */
const UNREADABLE: readonly [string, string][] = [
  ['a TLS hello', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\r\n\r\n'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a command for Redis', '*1\r\n$8\r\nFLUSHALL\r\n\r\n'],
  ['a NUL', '\0\r\n\r\n'],
  ['HTTP/0.9', 'GET /health\r\n\r\n'],
  ['HTTP/0.9 with headers', get('GET / HTTP/0.9')],
  ['HTTP/1.2', get('GET / HTTP/1.2')],
  ['HTTP/2', get('GET / HTTP/2.0')],
  ['HTTP/9.9', get('GET / HTTP/9.9')],
  ['another protocol', get('GET / HTTPS/1.1')],
  ['no version', get('GET / HTTP/')],
  ['a space in the path', get('GET /a b HTTP/1.1')],
  ['a NUL in the path', get('GET /a\0b HTTP/1.1')],
  ['a control character in the path', get('GET /a\u0001 HTTP/1.1')],
  ['a tab for a space', get('GET\t/\tHTTP/1.1')],
  ['no Host', get('GET / HTTP/1.1', '')],
  ['an empty Host', get('GET / HTTP/1.1', 'Host:\r\n')],
  ['two Hosts', get('GET / HTTP/1.1', `${HOST}Host: evil.test\r\n`)],
  ['the same Host twice', get('GET / HTTP/1.1', HOST + HOST)],
  ['a Host with a space', get('GET / HTTP/1.1', 'Host: a b\r\n')],
  ['a Host with a path', get('GET / HTTP/1.1', 'Host: a.test/../b\r\n')],
  ['a Host with a name in it', get('GET / HTTP/1.1', 'Host: user@evil.test\r\n')],
  ['a Host with a port that is none', get('GET / HTTP/1.1', 'Host: a.test:port\r\n')],
  ['a Host of script', get('GET / HTTP/1.1', 'Host: "><script>alert(1)</script>\r\n')],
  ['a header without a name', get('GET / HTTP/1.1', `${HOST}: x\r\n`)],
  ['a header without a colon', get('GET / HTTP/1.1', `${HOST}nonsense\r\n`)],
  ['a space before the colon', get('GET / HTTP/1.1', `${HOST}X-A : b\r\n`)],
  ['a NUL in a name', get('GET / HTTP/1.1', `${HOST}X-\0: b\r\n`)],
  ['a NUL in a value', get('GET / HTTP/1.1', `${HOST}X-A: a\0b\r\n`)],
  ['a bare CR in a value', get('GET / HTTP/1.1', `${HOST}X-A: a\rX-B: c\r\n`)],
  ['a folded line before the first header', `GET / HTTP/1.1\r\n folded\r\n${HOST}${CLOSE}\r\n`],
  ['a folded Transfer-Encoding', `${HEAD}${CLOSE}${LENGTH}Transfer-Encoding:\r\n chunked\r\n\r\n${BODY}`],
  ['two lengths', `${HEAD}${LENGTH}Content-Length: 1\r\n\r\n${BODY}`],
  ['the same length twice', `${HEAD}${LENGTH}${LENGTH}\r\n${BODY}`],
  ['two lengths in one', `${HEAD}Content-Length: ${BODY.length}, ${BODY.length}\r\n\r\n${BODY}`],
  ['an empty length', `${HEAD}Content-Length:\r\n\r\n${BODY}`],
  ['a length that is no number', `${HEAD}Content-Length: x\r\n\r\n${BODY}`],
  ['a length below zero', `${HEAD}Content-Length: -1\r\n\r\n${BODY}`],
  ['a length with a plus', `${HEAD}Content-Length: +5\r\n\r\n${BODY}`],
  ['a hexadecimal length', `${HEAD}Content-Length: 0x5\r\n\r\n${BODY}`],
  ['a length beyond all numbers', `${HEAD}Content-Length: ${'9'.repeat(30)}\r\n\r\n${BODY}`],
  ['a length and chunks', `${HEAD}${LENGTH}${CHUNKED}\r\n${CHUNK}0\r\n\r\n`],
  ['chunks and a length', `${HEAD}${CHUNKED}${LENGTH}\r\n${CHUNK}0\r\n\r\n`],
  [
    'chunked, and then something else',
    `${HEAD}${CHUNKED}Transfer-Encoding: identity\r\n\r\n${CHUNK}0\r\n\r\n`,
  ],
  ['a coding that is not chunked', `${HEAD}Transfer-Encoding: gzip\r\n\r\n${BODY}`],
  ['a coding that looks like chunked', `${HEAD}Transfer-Encoding: xchunked\r\n\r\n${CHUNK}0\r\n\r\n`],
  [
    'chunked with a length behind a vertical tab',
    `${HEAD}${LENGTH}Transfer-Encoding: \u000bchunked\r\n\r\n${CHUNK}0\r\n\r\n`,
  ],
  ['a chunk without a size', `${HEAD}${CHUNKED}\r\n\r\n${BODY}\r\n0\r\n\r\n`],
  ['a chunk whose size is none', `${HEAD}${CHUNKED}\r\nxyz\r\n${BODY}\r\n0\r\n\r\n`],
  ['a chunk of a size below zero', `${HEAD}${CHUNKED}\r\n-1\r\n${BODY}\r\n0\r\n\r\n`],
  ['a chunk of a size in another form', `${HEAD}${CHUNKED}\r\n0x${hex(BODY.length)}\r\n${BODY}\r\n0\r\n\r\n`],
  ['a chunk of a size beyond numbers', `${HEAD}${CHUNKED}\r\n${'f'.repeat(20)}\r\n${BODY}\r\n0\r\n\r\n`],
  ['a chunk that is longer than it says', `${HEAD}${CHUNKED}\r\n2\r\n${BODY}\r\n0\r\n\r\n`],
  [
    'a chunk that is shorter than it says',
    `${HEAD}${CHUNKED}\r\n${hex(BODY.length + 2)}\r\n${BODY}0\r\n\r\nGET / HTTP/1.1\r\n\r\n`,
  ],
]

/** As many headers as this, in lines as short as they get. */
const flood = (lines: number) => get('GET / HTTP/1.1', HOST + 'a:b\r\n'.repeat(lines))

const FLOODS: readonly [string, string][] = [
  ['one header of 20,000 characters', get('GET / HTTP/1.1', `${HOST}X: ${'x'.repeat(20_000)}\r\n`)],
  ['a name of 20,000 characters', get('GET / HTTP/1.1', `${HOST}${'x'.repeat(20_000)}: x\r\n`)],
  ['a path of 20,000 characters', get(`GET /${'x'.repeat(20_000)} HTTP/1.1`)],
  ['201 headers', flood(199)],
  ['2,100 headers, more than Node counts', flood(2_098)],
  ['5,000 headers', flood(5_000)],
  [
    'cookies of 20,000 characters',
    get('GET / HTTP/1.1', `${HOST}${`Cookie: a=${'b'.repeat(400)}\r\n`.repeat(50)}`),
  ],
]

const EARLY_ENDS: readonly [string, string][] = [
  ['in the request line', 'POST /api/eve'],
  ['in a header', `POST ${CUSTOM} HTTP/1.1\r\nHost: mill`],
  ['after the headers', `${HEAD}${LENGTH}\r\n`],
  ['in the body', `${HEAD}${LENGTH}\r\n${BODY.slice(0, 10)}`],
  ['one byte before its end', `${HEAD}${LENGTH}\r\n${BODY.slice(0, -1)}`],
  ['in a chunk', `${HEAD}${CHUNKED}\r\n${CHUNK.slice(0, 10)}`],
  ['before the last chunk', `${HEAD}${CHUNKED}\r\n${CHUNK}`],
]

const GOOD_GET = `GET /health/live HTTP/1.1\r\n${HOST}\r\n`

export const FRAMING: readonly BadRequest[] = [
  ...UNREADABLE.map(([what, wire]) => ({ what: `over the wire: ${what}`, wire, ...invalid })),
  ...FLOODS.map(([what, wire]) => ({ what: `a flood: ${what}`, wire, ...tooManyHeaders })),
  ...EARLY_ENDS.map(([what, wire]) => ({
    what: `a request that ends ${what}`,
    wire,
    ...invalid,
    ends: true,
  })),
  {
    what: 'a request of HTTP/1.0 for nothing',
    wire: `GET /nowhere HTTP/1.0\r\n${HOST}\r\n`,
    ...notFound,
  },
  { what: 'a request of HTTP/1.0 without Host', wire: 'GET /health HTTP/1.0\r\n\r\n', ...invalid },
  {
    what: 'a request of HTTP/1.0 in chunks',
    wire: `POST ${CUSTOM} HTTP/1.0\r\n${HOST}${KEY}${JSON_TYPE}${CHUNKED}\r\n5\r\n{"a":\r\n0\r\n\r\n`,
    ...badBody,
  },
  {
    what: 'chunks over the limit, without a length',
    wire: `${HEAD}${CLOSE}${CHUNKED}\r\n${`1000\r\n${' '.repeat(0x1000)}\r\n`.repeat(Math.ceil(LIMITS.bodyBytes / 0x1000) + 1)}0\r\n\r\n`,
    ...tooLarge,
  },
  {
    what: 'a chunk with an extension of 20,000 characters',
    wire: `${HEAD}${CLOSE}${CHUNKED}\r\n2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
    status: 413,
    code: 'BODY_TOO_LARGE',
  },
  {
    what: 'a trailer that would be a header',
    wire: `${HEAD}${CLOSE}${CHUNKED}Trailer: Content-Type\r\n\r\n2\r\n{}\r\n0\r\nContent-Type: application/json\r\n\r\n`,
    ...invalid,
  },
  {
    what: 'a folded header in front of a body that is none',
    wire: `${HEAD}${CLOSE}X-A: a\r\n b\r\nContent-Length: 2\r\n\r\n{]`,
    ...invalid,
  },
  {
    what: 'an upgrade to a socket',
    wire: request({
      method: 'GET',
      path: '/nowhere',
      headers: {
        Connection: 'Upgrade, close',
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': 'eA==',
        'Sec-WebSocket-Version': '13',
      },
    }),
    ...notFound,
  },
  {
    what: 'an upgrade to HTTP/2',
    wire: request({
      headers: { Connection: 'Upgrade, HTTP2-Settings, close', Upgrade: 'h2c', 'HTTP2-Settings': 'x' },
      body: '{',
    }),
    ...badBody,
  },
  {
    what: 'an expectation that nobody meets',
    wire: request({ headers: { Expect: '200-ok' }, body: BODY }),
    status: 417,
    code: 'EXPECTATION_FAILED',
  },
  {
    what: 'an expectation to go on with too much',
    wire: request({ headers: { Expect: '100-continue', 'Content-Length': '99999999' }, body: '{' }),
    ...tooLarge,
  },
  { what: 'a body for GET', wire: request({ method: 'GET', path: CUSTOM, body: BODY }), ...wrongMethod },
  {
    what: 'two types of the content',
    wire: request({ headers: { 'Content-Type': ['application/json', 'text/plain'] }, body: BODY }),
    ...badType,
  },
  {
    what: 'the same type of the content twice',
    wire: request({ headers: { 'Content-Type': ['application/json', 'application/json'] }, body: BODY }),
    ...badType,
  },
  {
    what: 'two codings of the content',
    wire: request({ headers: { 'Content-Encoding': ['identity', 'gzip'] }, body: BODY }),
    ...badType,
  },
  {
    what: 'a good request, and garbage behind it',
    wire: `${GOOD_GET}garbage\r\n\r\n`,
    ...invalid,
    after: [200],
  },
  {
    what: 'good requests, and one that is none',
    wire: `${GOOD_GET.repeat(3)}GET / HTTP/7.7\r\n\r\n`,
    ...invalid,
    after: [200, 200, 200],
  },
  {
    what: 'a body with another request in it, after a length that is too short',
    wire: `${HEAD}Content-Length: 2\r\n\r\n{}POST ${BATCH} HTTP/1.1\r\n${HOST}${CLOSE}${JSON_TYPE}${LENGTH}\r\n${BODY}`,
    status: 401,
    code: 'UNAUTHENTICATED',
    after: [400],
  },
]

/** For a service that gives up soon: the client keeps its side open, and sends no more. */
export const SLOW: readonly BadRequest[] = [
  ['that sends nothing of a header', `GET / HTTP/1.1\r\n`],
  ['in the request line', 'POST /api'],
  ['in a header', `GET / HTTP/1.1\r\n${HOST}X-Slow: `],
  ['before the empty line', HEAD],
  ['before the body', `${HEAD}${LENGTH}\r\n`],
  ['in the body', `${HEAD}${LENGTH}\r\n${BODY.slice(0, -1)}`],
  [
    'in a batch',
    `POST ${BATCH} HTTP/1.1\r\n${HOST}${KEY}${JSON_TYPE}Content-Length: 5000\r\n\r\n{"events":[`,
  ],
  ['in a chunk', `${HEAD}${CHUNKED}\r\nff\r\n{`],
  ['before the last chunk', `${HEAD}${CHUNKED}\r\n${CHUNK}`],
  [
    'with settings',
    `PATCH /api/admin/settings HTTP/1.1\r\n${HOST}${KEY}${JSON_TYPE}Content-Length: 50\r\n\r\n{"settings":`,
  ],
].map(([what, wire]) => ({ what: `a client that stops ${what}`, wire: wire!, ...tooSlow }))
