import autocannon from 'autocannon'

/** What a client asks for, again and again. */
export interface Requests {
  path: string
  /** Posted as JSON; without it, a GET. */
  body?: unknown
  headers?: Record<string, string>
}

export interface Load {
  /** Requests that were answered with 2xx, in a second. */
  perSecond: number
  /** Of the times of the answers, in ms. (autocannon has no 95th percentile; this one is no smaller.) */
  p97_5: number
  p99: number
}

/** Asks as fast as the answers come, or so many times a second. */
export async function load(
  url: string,
  { path, body, headers }: Requests,
  { seconds, connections = 100, perSecond }: { seconds: number; connections?: number; perSecond?: number },
): Promise<Load> {
  const result = await autocannon({
    url: url + path,
    connections,
    duration: seconds,
    ...(perSecond !== undefined && { overallRate: perSecond }),
    ...(body === undefined
      ? { method: 'GET', ...(headers && { headers }) }
      : {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json', ...headers },
        }),
  })
  const failed = result.errors + result.timeouts + result.non2xx
  if (failed > 0)
    throw new Error(`${failed} requests to ${path} failed: ${JSON.stringify(result.statusCodeStats)}`)
  return { perSecond: result['2xx'] / result.duration, p97_5: result.latency.p97_5, p99: result.latency.p99 }
}
