import type { Middleware } from '../../core/delivery.ts'
import type { PublishMiddleware } from '../../core/pipeline.ts'
import type { ServiceOptions } from './options.ts'

/** What every event goes through that the service publishes. Whatever encrypts comes last. */
export const publishMiddleware = ({ app }: ServiceOptions): readonly PublishMiddleware[] => [
  ...app.middleware,
]

/** What every delivery to a group of the app goes through, before the middleware of the group itself. */
export const deliveryMiddleware = (_options: ServiceOptions): readonly Middleware[] => []
