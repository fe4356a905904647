/**
 * A signal that is aborted with another one, or after so long. `AbortSignal.any` with `AbortSignal.timeout` says the same, but
 * Node 20 forgets that timeout when it collects garbage, and then whoever waits does so for ever.
 */
export function limited(signal: AbortSignal, ms: number): AbortSignal {
  const limit = new AbortController()
  setTimeout(() => limit.abort(new DOMException(`not done within ${ms} ms`, 'TimeoutError')), ms).unref()
  return AbortSignal.any([signal, limit.signal])
}
