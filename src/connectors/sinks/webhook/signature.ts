import { createHmac, timingSafeEqual } from 'node:crypto'
import { InvalidError } from '../../../core/errors.ts'

/** How old a request may be that is believed, in ms. */
const TOLERANCE_MS = 300_000
const MIN_SECRET_BYTES = 24
const ENCODED = 'whsec_'

/** The headers of a request by the Standard Webhooks specification, version 1. */
export interface WebhookHeaders {
  'webhook-id': string
  /** In seconds since 1970. */
  'webhook-timestamp': string
  'webhook-signature': string
}

/** @throws InvalidError `CONFIGURATION_INVALID` for a secret that is too short */
export function secretBytes(secret: string): Buffer {
  const bytes = secret.startsWith(ENCODED)
    ? Buffer.from(secret.slice(ENCODED.length), 'base64')
    : Buffer.from(secret)
  if (bytes.length >= MIN_SECRET_BYTES) return bytes
  const message = `must have at least ${MIN_SECRET_BYTES} bytes, such as whsec_ and the base64 of 32 random ones`
  throw new InvalidError('CONFIGURATION_INVALID', 'the secret is too short', [{ path: 'secret', message }])
}

/** @param secrets each signs, so that a receiver can change over from one to the other */
export function signedHeaders(
  id: string,
  body: string,
  secrets: readonly Buffer[],
  seconds = Math.floor(Date.now() / 1_000),
): WebhookHeaders {
  const timestamp = String(seconds)
  const signatures = secrets.map((secret) => `v1,${sign(secret, id, timestamp, body).toString('base64')}`)
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}

/**
 * Whether a request comes from who has the secret, and is not older than five minutes; for whoever receives them.
 *
 * @param body as it came, before it was parsed
 *
 * @example
 * if (!verifyWebhook(secret, request.headers, await request.text())) return new Response(null, { status: 401 })
 */
export function verifyWebhook(
  secret: string,
  headers: Headers | Readonly<Record<string, string | undefined>>,
  body: string,
  now = Date.now(),
): boolean {
  const of = (name: keyof WebhookHeaders) =>
    (headers instanceof Headers ? headers.get(name) : headers[name]) ?? ''
  const [id, timestamp] = [of('webhook-id'), of('webhook-timestamp')]
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1_000) > TOLERANCE_MS) return false
  const expected = sign(secretBytes(secret), id, timestamp, body)
  const given = of('webhook-signature').split(' ')
  return given.some((one) => {
    const [version, text = ''] = one.split(',')
    const signature = Buffer.from(text, 'base64')
    return version === 'v1' && signature.length === expected.length && timingSafeEqual(signature, expected)
  })
}

const sign = (secret: Buffer, id: string, timestamp: string, body: string): Buffer =>
  createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest()
