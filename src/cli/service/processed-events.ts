import { MillraceError } from '../../core/errors.ts'
import type { ProcessedEvents } from '../../core/processed-events.ts'
import type { Postgres } from '../../postgres/open-postgres.ts'
import type { Pulse } from './pulse.ts'

/** The audit trail for the API, which is not kept waiting for a database that is away. */
export function processedEvents(
  postgres: () => Postgres | undefined,
  pulse: Pick<Pulse, 'check'>,
): ProcessedEvents {
  const events = () => {
    const opened = postgres()
    if (!opened) throw databaseAway('the service has no connection to PostgreSQL yet')
    // Whoever asks a server that hangs waits for as long as that does.
    if (pulse.check.status === 'unhealthy') throw databaseAway('PostgreSQL does not answer')
    return opened.events
  }
  return { list: async (query) => events().list(query), stats: async () => events().stats() }
}

const databaseAway = (why: string): MillraceError =>
  new MillraceError('DATABASE_UNAVAILABLE', `${why}; try again soon`)
