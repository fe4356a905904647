import type { Config } from '../../config/config.ts'
import { collectIssues, InvalidError, type Issue } from '../../core/errors.ts'
import type { Log } from '../../core/service.ts'
import { CLIENT_RATE_PREFIX } from '../../redis/keys.ts'
import { Access } from '../../security/access.ts'
import { ApiKeys } from '../../security/api-keys.ts'
import { ClientRates } from '../../security/client-rates.ts'
import { publicKeySet, signingKeyOf } from '../../security/service-tokens.ts'
import { fileKeys, remoteKeys } from '../../security/token-keys.ts'
import { TokenVerifier } from '../../security/token-verifier.ts'
import type { ServiceOptions } from './options.ts'

/** Who may use the API, and how often. */
export interface ServiceSecurity {
  access: Access
  rates: ClientRates
  /** The public keys of our own tokens, where there are any. */
  tokenKeys: (() => Promise<object>) | undefined
}

/** @throws InvalidError `CONFIGURATION_INVALID` with every mistake in keys and tokens, none of which it shows */
export function serviceSecurity({
  config,
  logger,
}: Pick<ServiceOptions, 'config'> & { logger: { for(context: string): Log } }): ServiceSecurity {
  const log = logger.for('security')
  const issues: Issue[] = []
  const keys = collectIssues(issues, () => new ApiKeys(config.security.apiKeys), 'API_KEYS')
  const tokens = tokenVerifier(config, log, issues)
  const { signingKey } = config.security
  if (signingKey !== undefined) collectIssues(issues, () => signingKeyOf(signingKey), 'JWT_SIGNING_KEY')
  if (issues.length > 0 || !keys)
    throw new InvalidError('CONFIGURATION_INVALID', 'access to the service is not set up properly', issues)
  const access = new Access(keys, tokens)
  warn(config, access, keys, log)
  return {
    access,
    rates: new ClientRates(config.rateLimit, { keyPrefix: CLIENT_RATE_PREFIX, log }),
    tokenKeys: signingKey === undefined ? undefined : () => publicKeySet(signingKey),
  }
}

function tokenVerifier(config: Config, log: Log, issues: Issue[]): TokenVerifier | undefined {
  const { tokens } = config.security
  if (!tokens) return undefined
  const { issuer, audience, jwksUrl, jwksPath } = tokens
  if ((jwksUrl === undefined) === (jwksPath === undefined)) {
    const message = 'needs the public keys of that issuer; wanted: either JWT_JWKS_URL or JWT_JWKS_PATH'
    issues.push({ path: 'JWT_ISSUER', message })
    return undefined
  }
  if (jwksUrl !== undefined && isUnsafe(config, jwksUrl))
    issues.push({ path: 'JWT_JWKS_URL', message: 'is not encrypted; wanted in production: https' })
  const read = () => (jwksPath === undefined ? remoteKeys(jwksUrl!, log) : fileKeys(jwksPath))
  const keys = collectIssues(issues, read, jwksPath === undefined ? 'JWT_JWKS_URL' : 'JWT_JWKS_PATH')
  return keys && new TokenVerifier({ issuer, audience, keys })
}

/** Whoever can change the keys on their way can make tokens. */
const isUnsafe = ({ environment }: Config, url: string): boolean =>
  environment === 'production' && new URL(url).protocol === 'http:' && !isLoopback(new URL(url).hostname)

/** Only on a developer's own machine nobody needs to be told that everybody may do everything. */
function warn({ environment, http: { host } }: Config, access: Access, keys: ApiKeys, log: Log): void {
  if (access.open && !(environment === 'development' && host !== undefined && isLoopback(host)))
    log.warn(
      { host: host ?? 'all addresses' },
      'ANYBODY who reaches this service may do EVERYTHING: set API_KEYS (see `millrace key create`) or JWT_ISSUER',
    )
  for (const name of keys.expired) log.warn({ name }, `An API key of ${name} has expired and is refused`)
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
