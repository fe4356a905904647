import { SinkError } from '../core/connector-errors.ts'

/**
 * Runs `work` with a signal that is aborted when the time is over or `ending` is; whatever comes of it after that is
 * nobody's business any more, since work that hangs may not listen.
 *
 * @throws SinkError `SINK_UNAVAILABLE` when the time is over; the reason of `ending`
 */
export async function inTime<T>(
  what: string,
  timeoutMs: number,
  ending: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  ending.throwIfAborted()
  const limit = new AbortController()
  const over = () =>
    limit.abort(new SinkError('SINK_UNAVAILABLE', `${what} took longer than ${Math.round(timeoutMs)} ms`))
  const cut = () => limit.abort(ending.reason)
  const timer = setTimeout(over, timeoutMs)
  ending.addEventListener('abort', cut)
  const cutOff = new Promise<never>((_, reject) => {
    limit.signal.addEventListener('abort', () => reject(limit.signal.reason as Error))
  })
  try {
    return await Promise.race([work(limit.signal), cutOff])
  } finally {
    clearTimeout(timer)
    ending.removeEventListener('abort', cut)
  }
}
