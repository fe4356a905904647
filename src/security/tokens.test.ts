import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createLocalJWKSet, SignJWT } from 'jose'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { temporaryFolder } from '../engines/test-server.ts'
import { noLog } from '../core/service.ts'
import { useOnce } from '../../test/support/use.ts'
import { publicKeySet, serviceTokens } from './service-tokens.ts'
import { fileKeys, remoteKeys } from './token-keys.ts'
import { TokenVerifier } from './token-verifier.ts'

const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string
const ours = generateKeyPairSync('ed25519')
const others = generateKeyPairSync('ed25519')
const signingKey = pem(ours.privateKey)
const options = { signingKey, issuer: 'orders', audience: 'billing', scopes: ['publish', 'read'] } as const
const verifier = async () =>
  new TokenVerifier({
    issuer: 'orders',
    audience: 'billing',
    keys: createLocalJWKSet(await publicKeySet(signingKey)),
  })

const now = () => Math.floor(Date.now() / 1000)
/** A token as it should be, but for what is changed. */
const token = (
  claims: Record<string, unknown> = {},
  alg = 'EdDSA',
  key: KeyObject | Uint8Array = ours.privateKey,
) =>
  new SignJWT({
    iss: 'orders',
    aud: 'billing',
    sub: 'orders',
    iat: now(),
    exp: now() + 300,
    scope: 'publish read',
    ...claims,
  })
    .setProtectedHeader({ alg })
    .sign(key)

describe('our own tokens', () => {
  it('are accepted by the service that they are for', async () => {
    const made = await serviceTokens(options)()
    expect(await (await verifier()).verify(made)).toEqual({
      name: 'token:orders',
      scopes: new Set(['publish', 'read']),
    })
  })

  it('are made once and used until they are nearly over', async () => {
    const tokens = serviceTokens(options)
    const [first, second] = await Promise.all([tokens(), tokens()])
    expect(second).toBe(first)
    expect(await tokens()).toBe(first)
  })

  it('are replaced before they are over', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const tokens = serviceTokens({ ...options, lifetimeSeconds: 100 })
      const first = await tokens()
      vi.setSystemTime(Date.now() + 79_000)
      expect(await tokens()).toBe(first)
      vi.setSystemTime(Date.now() + 2_000)
      const second = await tokens()
      expect(second).not.toBe(first)
      expect(await (await verifier()).verify(second)).toMatchObject({ name: 'token:orders' })
    } finally {
      vi.useRealTimers()
    }
  })

  it('show the public key, and nothing of the private one', async () => {
    const set = await publicKeySet(signingKey)
    expect(set.keys).toEqual([
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: expect.any(String),
        kid: expect.any(String),
        use: 'sig',
        alg: 'EdDSA',
      },
    ])
  })

  it('name every mistake in the options, and show nothing of the key', () => {
    const rsa = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
    const make = (signingKey: string) => () =>
      serviceTokens({ signingKey, issuer: '', audience: '', scopes: [], lifetimeSeconds: 3601 })
    expect(make(rsa)).toThrow(
      /issuer: is empty; audience: is empty; scopes: .*; lifetimeSeconds: is 3601.*; signingKey: holds a key of type rsa/,
    )
    expect(make('canary-7f')).toThrow(/signingKey: holds no private key; wanted: Ed25519 in PEM/)
    expect(make('canary-7f')).not.toThrow(/canary/)
  })
})

describe('a token', () => {
  const hour = 3600
  it.each<[string, () => Promise<string>]>([
    ['of another key', () => token({}, 'EdDSA', others.privateKey)],
    ['of another issuer', () => token({ iss: 'evil' })],
    ['without an issuer', () => token({ iss: undefined })],
    ['for another audience', () => token({ aud: 'shipping' })],
    ['without an audience', () => token({ aud: undefined })],
    ['without an expiry', () => token({ exp: undefined })],
    ['without a time of issue', () => token({ iat: undefined })],
    ['without a subject', () => token({ sub: undefined })],
    ['with a subject that breaks lines', () => token({ sub: 'a\nb' })],
    ['that has expired', () => token({ iat: now() - 300, exp: now() - 31 })],
    ['that is not valid yet', () => token({ nbf: now() + 60 })],
    ['of the future', () => token({ iat: now() + 60, exp: now() + 120 })],
    ['that lives longer than an hour', () => token({ exp: now() + hour + 1 })],
    ['that was issued more than an hour ago', () => token({ iat: now() - hour - 31, exp: now() + 10 })],
    ['signed with the public key as a secret', () => hmac()],
    ['without a signature', async () => `${(await token()).split('.', 2).join('.')}.`],
    ['that says it needs none', async () => none((await token()).split('.')[1]!)],
    ['with one bit changed', async () => flipped(await token())],
    ['in two parts', async () => (await token()).split('.', 2).join('.')],
    ['of random bytes', async () => 'AAAA.BBBB.CCCC'],
    ['that is no token', async () => 'x'],
  ])('%s is refused', async (_, make) => {
    const verify = (await verifier()).verify(await make())
    await expect(verify).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  it('may be off by 30 s, and may live for an hour', async () => {
    const check = await verifier()
    await check.verify(await token({ exp: now() - 25, iat: now() - 100 }))
    await check.verify(await token({ exp: now() + hour }))
    expect(await check.verify(await token({ nbf: now() + 25 }))).toMatchObject({ name: 'token:orders' })
  })

  it('may do what its scope says, as far as the words are known', async () => {
    const check = await verifier()
    const scopes = async (scope: unknown) => [...(await check.verify(await token({ scope }))).scopes]
    expect(await scopes('read billing:write admins')).toEqual(['read'])
    expect(await scopes(undefined)).toEqual([])
    expect(await scopes(['admin'])).toEqual([])
  })

  it.each([
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['PS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ])('can be signed with %s', async (alg, { privateKey, publicKey }) => {
    const keys = createLocalJWKSet({ keys: [publicKey.export({ format: 'jwk' }) as { kty: 'EC' }] })
    const check = new TokenVerifier({ issuer: 'orders', audience: 'billing', keys })
    expect(await check.verify(await token({}, alg, privateKey))).toMatchObject({ name: 'token:orders' })
  })
})

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const none = (payload: string) => `${base64({ alg: 'none' })}.${payload}.`
const hmac = () =>
  token({}, 'HS256', Buffer.from(ours.publicKey.export({ type: 'spki', format: 'pem' }) as string))
function flipped(jwt: string): string {
  const [header, payload, signature] = jwt.split('.')
  const bytes = Buffer.from(signature!, 'base64url')
  bytes[0]! ^= 1
  return `${header}.${payload}.${bytes.toString('base64url')}`
}

describe('keys at a URL', () => {
  let server: Server | undefined
  let requests = 0
  afterEach(() => void server?.close())

  async function serve(answer: () => { status: number; body: string }): Promise<string> {
    requests = 0
    server = createServer((_, response) => {
      requests++
      const { status, body } = answer()
      response.writeHead(status).end(body)
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server!.once('listening', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
  }
  const verifierAt = (url: string) =>
    new TokenVerifier({ issuer: 'orders', audience: 'billing', keys: remoteKeys(url, noLog) })

  it('are fetched once, when they are needed, also for unknown keys', async () => {
    const body = JSON.stringify(await publicKeySet(signingKey))
    const check = verifierAt(await serve(() => ({ status: 200, body })))
    expect(requests).toBe(0)
    const made = await Promise.all(Array.from({ length: 20 }, () => token()))
    await Promise.all(made.map((one) => check.verify(one)))
    const named = serviceTokens({ ...options, signingKey: pem(others.privateKey) })
    for (let attempt = 0; attempt < 20; attempt++)
      await expect(check.verify(await named())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(requests).toBe(1)
  })

  it.each([
    ['answers 500', { status: 500, body: '' }],
    ['redirects', { status: 302, body: '' }],
    ['answers no JSON', { status: 200, body: '<html>' }],
    ['answers no keys', { status: 200, body: '{"keys":7}' }],
  ])('a server that %s is asked once, and tokens get 503 until it is well', async (_, answer) => {
    const url = await serve(() => answer)
    const check = verifierAt(url)
    for (let attempt = 0; attempt < 10; attempt++)
      await expect(check.verify(await token())).rejects.toMatchObject({ code: 'TOKEN_KEYS_UNAVAILABLE' })
    expect(requests).toBe(1)
  })

  it('what is no token is refused without asking', async () => {
    const check = verifierAt(await serve(() => ({ status: 500, body: '' })))
    for (const bad of ['x', none('e30'), await hmac()])
      await expect(check.verify(bad)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(requests).toBe(0)
  })

  it('nobody there is 503 as well', async () => {
    const check = verifierAt('http://127.0.0.1:1/jwks')
    await expect(check.verify(await token())).rejects.toMatchObject({ code: 'TOKEN_KEYS_UNAVAILABLE' })
  })
})

describe('keys in a file', () => {
  const folder = useOnce(
    async () => ({ path: temporaryFolder('jwks') }),
    async () => {},
  )
  const write = (text: string) => {
    const path = join(folder.path, 'jwks.json')
    writeFileSync(path, text)
    return path
  }

  it('are read', async () => {
    const keys = fileKeys(write(JSON.stringify(await publicKeySet(signingKey))))
    const check = new TokenVerifier({ issuer: 'orders', audience: 'billing', keys })
    expect(await check.verify(await token())).toMatchObject({ name: 'token:orders' })
  })

  it.each([
    ['{', 'it is not JSON'],
    ['null', 'it holds no list of keys'],
    ['{"keys":[]}', 'it holds no list of keys'],
    ['{"keys":[{"kty":"oct","k":"Y2FuYXJ5"}]}', 'it holds private keys'],
    [JSON.stringify({ keys: [ours.privateKey.export({ format: 'jwk' })] }), 'it holds private keys'],
  ])('%s is a mistake', (text, message) => expect(() => fileKeys(write(text))).toThrow(message))
})
