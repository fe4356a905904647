import type { Context } from 'hono'
import { HttpError } from './http-error.ts'

/** They change nothing, so it does no harm that a page of others makes a browser send them. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** What browsers say of a request that no other origin made: `none` is the user, by the address bar. */
const OWN: ReadonlySet<string> = new Set(['same-origin', 'none'])

/**
 * Refuses what a page of another origin makes a browser send, and what could change something. Programs send neither
 * header, so they are not meant.
 */
export function refuseOtherOrigins({ req }: Context): void {
  if (SAFE.has(req.method) || !isOfOthers(req.raw.headers)) return
  const message = 'a page of another origin sent this; send it from a server, or from a page of this one'
  throw new HttpError('ORIGIN_REFUSED', message)
}

/** What the browser found out comes first: behind a proxy, `Host` may not be what the page asked for. */
function isOfOthers(headers: Headers): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null) return !OWN.has(site)
  const origin = headers.get('origin')
  return (
    origin !== null && (!URL.canParse(origin) || new URL(origin).host !== headers.get('host')?.toLowerCase())
  )
}
