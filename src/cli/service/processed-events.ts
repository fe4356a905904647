import type { ProcessedEvents } from '../../core/processed-events.ts'
import type { Postgres } from '../../postgres/open-postgres.ts'

/** The audit trail for the API. */
export const processedEvents = (database: () => Postgres): ProcessedEvents => ({
  list: async (query) => database().events.list(query),
  stats: async () => database().events.stats(),
})
