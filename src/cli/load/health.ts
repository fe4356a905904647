import { toError } from '../../core/errors.ts'
import { HttpTarget } from '../../load/http-target.ts'
import { toFailure } from '../../load/target.ts'
import { CommandError, EXIT } from '../exit.ts'

const PATH = '/health/ready'

/**
 * Asks a service whether it is ready: a load on one that is not measures nothing.
 *
 * @throws CommandError where it is not
 */
export async function requireHealthy(origin: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const url = `${origin}${PATH}`
  const health = new HttpTarget({ url, timeoutMs, connections: 1 })
  const stop = () => void health.close()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await health.send(1)
  } catch (error) {
    const { message } = toFailure(toError(error))
    const hint = '--no-health-check begins all the same'
    throw new CommandError(`${url} is not ready: ${message}; ${hint}`, EXIT.unreachable)
  } finally {
    signal.removeEventListener('abort', stop)
    await health.close()
  }
}
