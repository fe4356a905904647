import type { Middleware } from '../../core/delivery.ts'
import type { PublishMiddleware } from '../../core/pipeline.ts'
import type { Tracing } from '../../core/tracing.ts'
import { correlate, correlatePublished } from '../../middleware/correlate.ts'
import { decrypt } from '../../middleware/decrypt.ts'
import { encrypt } from '../../middleware/encrypt.ts'
import type { KeyRing } from '../../middleware/key-ring.ts'
import { trace } from '../../middleware/trace.ts'
import { openTelemetry } from '../../telemetry/tracing/open-telemetry.ts'
import type { GroupMiddleware } from './app-groups.ts'
import type { ServiceOptions } from './options.ts'

/** What every event goes through that the service publishes. Whatever encrypts comes last. */
export const publishMiddleware = (
  { app }: ServiceOptions,
  ring: KeyRing | undefined,
): readonly PublishMiddleware[] => [correlatePublished(), ...app.middleware, ...(ring ? [encrypt(ring)] : [])]

/**
 * What every delivery to a group of the app goes through, before the middleware of the group itself.
 *
 * @param first in front of all, such as what measures
 */
export const deliveryMiddleware = (
  options: ServiceOptions,
  ring: KeyRing | undefined,
  first: readonly Middleware[] = [],
): GroupMiddleware => {
  const tracing = tracingOf(options)
  return {
    around: [...first, ...(tracing ? [trace(tracing)] : []), correlate()],
    each: ring ? [decryptFor(ring)] : [],
  }
}

/**
 * A stream holds both while encryption is switched on, and events of others who do not encrypt: refusing those would end
 * in the dead letters what was there before the keys.
 */
const decryptFor = (ring: KeyRing): Middleware => decrypt(ring, { allowPlaintext: true })

/** What makes spans, where the service is to make any. */
export const tracingOf = ({ config }: Pick<ServiceOptions, 'config'>): Tracing | undefined =>
  config.trace ? openTelemetry() : undefined
