import type { MiddlewareHandler } from 'hono'
import { may, type AccessControl, type Caller, type Scope } from '../core/access.ts'
import { MillraceError } from '../core/errors.ts'
import { networkOf, type ClientAddress } from './client-address.ts'
import type { ServerEnv } from './server-env.ts'
import type { ServerPorts } from './ports.ts'
import { rateHeaders, rateLimited } from './rate-limit.ts'
import { peerOf } from './peer.ts'
import { refuseOtherOrigins } from './same-origin.ts'

/** Who asks these is no client, and must be answered whatever clients do. */
const UNLIMITED = /^\/(?:metrics|health-check|health(?:\/.*)?)$/

/** Guessing keys uses up the limit of an address twice as fast as asking. */
const WEIGHT_OF_FAILURE = 2

/** What came of the credential of a request. */
interface Identity {
  caller?: Caller
  /** Why there is no caller, though there was a credential. */
  refusal?: MillraceError
}

/**
 * Finds out who makes a request, and counts it for them, or for their address. What they may do is decided where it is
 * known what they want: by `authorize`, which routes find in the context.
 */
export function gate(ports: ServerPorts, clients: ClientAddress): MiddlewareHandler<ServerEnv> {
  const { access, rateLimiter } = ports
  return async (c, next) => {
    if (UNLIMITED.test(c.req.path)) return next()
    const identity = access && !access.open ? await identify(access, c.req.raw.headers) : NOBODY
    const { caller, refusal } = identity
    if (caller) c.set('caller', caller)
    c.set('authorize', (scope) => authorize(access, identity, scope))
    const address = () => clients.of(peerOf(c), c.req.raw.headers)
    if (refusal) {
      const fields = { error: refusal, client: address(), correlationId: c.get('correlationId') }
      ports.log?.debug(fields, 'A credential was not accepted')
    }
    const client = caller ? `caller:${caller.name}` : `address:${networkOf(address())}`
    const verdict = rateLimiter && (await rateLimiter.take(client, refusal ? WEIGHT_OF_FAILURE : 1))
    if (verdict?.allowed === false) throw rateLimited(verdict)
    // After the counting, so that a page that tries is slowed down as well.
    refuseOtherOrigins(c)
    if (verdict) Object.assign(c.get('answerHeaders'), rateHeaders(verdict))
    await next()
  }
}

const NOBODY: Identity = {}

async function identify(access: AccessControl, headers: Headers): Promise<Identity> {
  try {
    const caller = await access.authenticate(headers)
    return caller ? { caller } : NOBODY
  } catch (error) {
    if (error instanceof MillraceError) return { refusal: error }
    throw error
  }
}

function authorize(access: AccessControl | undefined, { caller, refusal }: Identity, scope: Scope): void {
  if (!access || access.open) return
  if (refusal) throw refusal
  if (!caller)
    throw new MillraceError(
      'UNAUTHENTICATED',
      'this needs a key or a token; send "Authorization: Bearer …" or "X-Api-Key: …"',
    )
  if (!may(caller, scope))
    throw new MillraceError(
      'FORBIDDEN',
      `this needs the scope "${scope}", which ${caller.name} does not have`,
    )
}

/** Whether whoever sent these headers may still do that, for what goes on for long. */
export async function mayStill(
  { access }: Pick<ServerPorts, 'access'>,
  headers: Headers,
  scope: Scope,
): Promise<boolean> {
  if (!access || access.open) return true
  const caller = await access.authenticate(headers).catch(() => undefined)
  return caller !== undefined && may(caller, scope)
}
