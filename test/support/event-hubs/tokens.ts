import { createHmac, timingSafeEqual } from 'node:crypto'

/** What the answer to a `put-token` says. */
export interface TokenAnswer {
  readonly status: number
  readonly description: string
}

export interface TokenRules {
  readonly keyName: string
  readonly key: string
  /** Tokens of Microsoft Entra that are good. */
  readonly jwts: ReadonlySet<string>
}

const ACCEPTED: TokenAnswer = { status: 202, description: 'Accepted' }
const unauthorized = (why: string): TokenAnswer => ({ status: 401, description: why })

/** Judges a token as the service does: a signature of the shared key, not expired, for what it is used on. */
export function judgeToken(type: string, token: string, audience: string, rules: TokenRules): TokenAnswer {
  if (type === 'jwt')
    return rules.jwts.has(token) ? ACCEPTED : unauthorized('InvalidToken: The token is not valid.')
  const fields = new URLSearchParams(token.replace(/^SharedAccessSignature /, ''))
  const [resource, signature, expiry, keyName] = ['sr', 'sig', 'se', 'skn'].map(
    (name) => fields.get(name) ?? '',
  )
  if (keyName !== rules.keyName) return unauthorized('InvalidSignature: The key name is not known.')
  const signed = `${encodeURIComponent(resource!)}\n${expiry}`
  const wanted = createHmac('sha256', rules.key).update(signed).digest()
  const given = Buffer.from(signature!, 'base64')
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    return unauthorized('InvalidSignature: The token has an invalid signature.')
  if (Number(expiry) * 1_000 < Date.now()) return unauthorized('ExpiredToken: The token is expired.')
  if (!audience.toLowerCase().startsWith(resource!.toLowerCase()))
    return unauthorized('InvalidAudience: The token is for something else.')
  return ACCEPTED
}
