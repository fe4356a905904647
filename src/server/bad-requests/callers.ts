import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import {
  CUSTOM,
  event,
  KEYS,
  PROCESSED,
  request,
  SETTINGS,
  verdict,
  type BadRequest,
  type Parts,
} from './bad-request.ts'

const { forbidden, otherOrigin, tooMuch, unauthenticated } = verdict

/** Who signs the tokens that the service takes, what they are for, and how long they may be good for. */
export const ISSUER = { name: 'orders', audience: 'billing', ...generateKeyPairSync('ed25519') } as const

const coded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
const now = Math.floor(Date.now() / 1000)
const CLAIMS = {
  iss: ISSUER.name,
  aud: ISSUER.audience,
  sub: 'orders',
  iat: now,
  exp: now + 3000,
  scope: 'publish',
}

/** A token as it should be, but for what is given. */
function token(
  claims: object = {},
  header: object = { alg: 'EdDSA' },
  key: KeyObject = ISSUER.privateKey,
): string {
  const signed = `${coded(header)}.${coded({ ...CLAIMS, ...claims })}`
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`
}

/** Signed with what everybody may know: the public key, taken for a secret. */
function confusedToken(): string {
  const signed = `${coded({ alg: 'HS256' })}.${coded(CLAIMS)}`
  const secret = ISSUER.publicKey.export({ type: 'spki', format: 'pem' })
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

const [head, , signature] = token().split('.') as [string, string, string]
const tampered = `${head}.${coded({ ...CLAIMS, scope: 'admin' })}.${signature}`
const foreign = generateKeyPairSync('ed25519')

/** Headers that are no credential, or none that holds. */
const CREDENTIALS: readonly [string, Record<string, string | string[]>][] = [
  ['nothing', {}],
  ['an empty Authorization', { Authorization: '' }],
  ['a scheme and nothing', { Authorization: 'Bearer' }],
  ['a scheme and spaces', { Authorization: 'Bearer    ' }],
  ['a key without a scheme', { Authorization: KEYS.everything }],
  ['another scheme', { Authorization: `Basic ${Buffer.from(`key:${KEYS.everything}`).toString('base64')}` }],
  ['a scheme of nobody', { Authorization: `Token ${KEYS.everything}` }],
  ['two keys in one header', { Authorization: `Bearer ${KEYS.everything} ${KEYS.everything}` }],
  ['two Authorization headers, one good', { Authorization: [`Bearer ${KEYS.everything}`, 'Bearer x'] }],
  [
    'the same Authorization twice',
    { Authorization: [`Bearer ${KEYS.everything}`, `Bearer ${KEYS.everything}`] },
  ],
  [
    'a bad Authorization beside a good key',
    { Authorization: `Bearer ${KEYS.unknown}`, 'X-Api-Key': KEYS.everything },
  ],
  ['an empty key', { 'X-Api-Key': '' }],
  ['the beginning of a key', { 'X-Api-Key': 'mr_' }],
  ['a key of nobody', { 'X-Api-Key': KEYS.unknown }],
  ['a key that lacks its end', { 'X-Api-Key': KEYS.everything.slice(0, -1) }],
  ['a key and more', { 'X-Api-Key': `${KEYS.everything}x` }],
  ['a key in capitals', { 'X-Api-Key': KEYS.everything.toUpperCase() }],
  ['a key in quotes', { 'X-Api-Key': `"${KEYS.everything}"` }],
  ['a key twice', { 'X-Api-Key': [KEYS.everything, KEYS.everything] }],
  ['a key that has expired', { 'X-Api-Key': KEYS.expired }],
  ['a key of 10,000 characters', { 'X-Api-Key': `mr_${'a'.repeat(10_000)}` }],
  ['a key of other bytes', { 'X-Api-Key': 'mr_\u0080\u00ff' }],
  ['a key in a cookie', { Cookie: `X-Api-Key=${KEYS.everything}` }],
  ['a token in the header for keys', { 'X-Api-Key': token() }],
  ...Object.entries({
    'that is none': 'x',
    'of three dots': '...',
    'of nothing': `${coded({})}.${coded({})}.`,
    'of JSON that is none': 'e30.e30x.e30',
    'with alg none': `${coded({ alg: 'none' })}.${coded(CLAIMS)}.`,
    'with alg None and a signature': token({}, { alg: 'None' }),
    'without a signature': token().slice(0, -signature.length),
    'with claims that were changed': tampered,
    'with a signature that was changed': token().slice(0, -4) + 'AAAA',
    'signed by somebody else': token({}, { alg: 'EdDSA' }, foreign.privateKey),
    'that brings its own key': token(
      {},
      { alg: 'EdDSA', jwk: foreign.publicKey.export({ format: 'jwk' }) },
      foreign.privateKey,
    ),
    'that names where its key is': token(
      {},
      { alg: 'EdDSA', jku: 'http://127.0.0.1:1/jwks' },
      foreign.privateKey,
    ),
    'signed with the public key': confusedToken(),
    'with an unknown extension': token({}, { alg: 'EdDSA', crit: ['x'], x: 1 }),
    'that has expired': token({ iat: now - 3000, exp: now - 60 }),
    'that is not valid yet': token({ nbf: now + 3000 }),
    'that never expires': token({ exp: undefined }),
    'good for years': token({ exp: now + 1e8 }),
    'good until the end of numbers': token({ exp: 1e300 }),
    'with an expiry that is a text': token({ exp: '9999999999' }),
    'of another issuer': token({ iss: 'evil' }),
    'for somebody else': token({ aud: 'shipping' }),
    'of nobody': token({ sub: undefined }),
  }).map(([what, text]): [string, Record<string, string>] => [
    `a token ${what}`,
    { Authorization: `Bearer ${text}` },
  ]),
]

/** Good credentials, for something else. */
const SCOPES: readonly [string, Parts, string][] = [
  ['publish', { body: event() }, KEYS.read],
  ['publish, before a body is looked at', { body: '{broken' }, KEYS.read],
  ['publish a test event', { path: '/trigger-test-event', body: '{}' }, KEYS.read],
  ['read', { method: 'GET', path: `${PROCESSED}?limit=x` }, KEYS.publish],
  ['see settings', { method: 'GET', path: SETTINGS }, KEYS.publish],
  ['change settings', { method: 'PATCH', path: SETTINGS, body: '{"settings":{"concurrency":5}}' }, KEYS.read],
  ['see who changed settings', { method: 'GET', path: `${SETTINGS}/history` }, KEYS.publish],
]

const scopeless = (scope: unknown): Parts => ({
  body: event(),
  headers: { 'X-Api-Key': undefined, Authorization: `Bearer ${token({ scope })}` },
})

/** What a page of somebody else makes a browser send; programs send none of it. */
const PAGES: readonly [string, Record<string, string | string[]>][] = [
  ['of another site', { Origin: 'https://evil.test' }],
  ['of another port', { Origin: 'http://millrace.test:8080' }],
  ['of a host that begins alike', { Origin: 'http://millrace.test.evil.test' }],
  ['of no origin', { Origin: 'null' }],
  ['of an empty origin', { Origin: '' }],
  ['of nonsense', { Origin: '%%%' }],
  ['of two origins', { Origin: ['http://millrace.test', 'https://evil.test'] }],
  ['that the browser calls cross-site', { 'Sec-Fetch-Site': 'cross-site', Origin: 'http://millrace.test' }],
  ['that the browser calls same-site', { 'Sec-Fetch-Site': 'same-site' }],
  ['that the browser calls by another word', { 'Sec-Fetch-Site': 'SAME-ORIGIN' }],
  ['that says it is forwarded for ours', { Origin: 'https://evil.test', 'X-Forwarded-Host': 'evil.test' }],
]

export const CALLERS: readonly BadRequest[] = [
  ...CREDENTIALS.map(([what, headers]) => ({
    what: `as a credential: ${what}`,
    wire: request({ body: event(), headers: { 'X-Api-Key': undefined, ...headers } }),
    ...unauthenticated,
  })),
  ...SCOPES.map(([what, parts, key]) => ({
    what: `without the scope to ${what}`,
    wire: request({ ...parts, headers: { 'X-Api-Key': key } }),
    ...forbidden,
  })),
  ...[undefined, '', 'publisher', 'PUBLISH', ['publish'], { publish: true }].map((scope) => ({
    what: `a token with the scope ${JSON.stringify(scope)}`,
    wire: request(scopeless(scope)),
    ...forbidden,
  })),
  ...PAGES.map(([what, headers]) => ({
    what: `from a page ${what}`,
    wire: request({ body: event(), headers }),
    ...otherOrigin,
  })),
  {
    what: 'from a page of another site, without a body, to fire the trigger',
    wire: request({ path: '/trigger-test-event', headers: { Origin: 'https://evil.test' } }),
    ...otherOrigin,
  },
]

/** For a service whose limit this client has used up: none of it makes it another client. */
export const DISGUISES: readonly BadRequest[] = [
  { 'X-Forwarded-For': '203.0.113.9' },
  { 'X-Forwarded-For': '127.0.0.1' },
  { 'X-Forwarded-For': ['203.0.113.10', '203.0.113.11'] },
  { 'X-Forwarded-For': `203.0.113.12${', 10.0.0.1'.repeat(500)}` },
  { 'X-Forwarded-For': '__proto__' },
  { Forwarded: 'for=203.0.113.13;proto=https;by=10.0.0.1' },
  { 'X-Real-Ip': '203.0.113.14' },
  { 'X-Client-Ip': '203.0.113.15' },
  { 'CF-Connecting-IP': '203.0.113.16' },
  { 'True-Client-IP': '203.0.113.17' },
  { Via: '1.1 proxy.test', 'X-Forwarded-Proto': 'https' },
  { Host: '127.0.0.1' },
  { Host: 'another.test' },
  { 'X-Forwarded-Host': 'another.test', 'X-Original-URL': '/health', 'X-Rewrite-URL': '/health' },
  { 'User-Agent': 'somebody else', 'X-Correlation-Id': 'another' },
  { 'X-Api-Key': KEYS.unknown },
  { Authorization: 'Bearer mr_' },
].map((headers) => ({
  what: Object.entries(headers)
    .map(([name, value]) => `${name}: ${String(value).slice(0, 40)}`)
    .join(', '),
  wire: request({ path: CUSTOM, body: event(), headers: { 'X-Api-Key': undefined, ...headers } }),
  ...tooMuch,
}))
