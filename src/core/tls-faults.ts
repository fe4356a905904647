/** What stands around the reason in messages of OpenSSL: an address in memory, numbers, a line of its sources. */
const OPENSSL = /(?:[\dA-F]+:)?error:[\dA-F]+:[^:\n]*:[^:\n]*:([^:\n]+)(?::[^\n]*)?\n?/g

/** The message in words that say something. */
export const plainReason = (message: string): string => message.replace(OPENSSL, '$1').trim()

type Advise = (variables: string) => string

const ADVICE: readonly [code: RegExp, advise: Advise][] = [
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT.*))$/,
    (variables) =>
      `The certificate of the server is signed by nobody who is trusted: give the certificate of who signed it (${variables}_CA)`,
  ],
  [/^CERT_HAS_EXPIRED$/, () => 'Renew the certificate of the server'],
  [/^CERT_NOT_YET_VALID$/, () => 'Compare the clock of this machine with the certificate of the server'],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    () => 'Connect by a name that the certificate of the server is made out for (as its subjectAltName)',
  ],
  [
    /ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)$/,
    (variables) => `The server wants a certificate of ours: give ${variables}_CERT and ${variables}_KEY`,
  ],
  [
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)$/,
    (variables) =>
      `The server does not accept our certificate (${variables}_CERT): is it up to date, and signed by who the server trusts?`,
  ],
  [/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/, () => 'Does that port speak TLS?'],
]

/** Deeper than anybody wraps an error, and an end where causes go in a circle. */
const MAX_DEPTH = 8

/**
 * What to do about a connection with TLS that failed; undefined where TLS was not the reason.
 *
 * @param variables the beginning of those that configure it, such as `REDIS_TLS`
 */
export function tlsAdvice(error: unknown, variables: string): string | undefined {
  for (let depth = 0, at = error; at instanceof Error && depth < MAX_DEPTH; depth++, at = at.cause) {
    const { code } = at as { code?: unknown }
    const found = ADVICE.find(([pattern]) => typeof code === 'string' && pattern.test(code))
    if (found) return found[1](variables)
  }
  return undefined
}
