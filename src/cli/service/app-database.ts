import { MillraceError } from '../../core/errors.ts'
import type { Postgres } from '../../postgres/open-postgres.ts'
import { hasRole, type ServiceOptions } from './options.ts'
import type { Pulse } from './pulse.ts'

/**
 * PostgreSQL for whoever asks on behalf of a request, and is not kept waiting for a database that is away.
 *
 * @returns a function that throws MillraceError `DATABASE_UNAVAILABLE` while it can't be asked, and in roles without it
 */
export function reachableDatabase(
  options: Pick<ServiceOptions, 'config'>,
  postgres: () => Postgres | undefined,
  pulse: Pick<Pulse, 'check'>,
): () => Postgres {
  return () => {
    if (!hasRole(options, 'api', 'worker')) throw noDatabase(options)
    const opened = postgres()
    if (!opened) throw away('the service has no connection to PostgreSQL yet')
    // Whoever asks a server that hangs waits for as long as that does.
    if (pulse.check.status === 'unhealthy') throw away('PostgreSQL does not answer')
    return opened
  }
}

const away = (why: string): MillraceError =>
  new MillraceError('DATABASE_UNAVAILABLE', `${why}; try again soon`)

const noDatabase = ({ config: { roles } }: Pick<ServiceOptions, 'config'>): MillraceError =>
  new MillraceError(
    'DATABASE_UNAVAILABLE',
    `this process runs the role ${[...roles].join(', ')}, which does not open PostgreSQL; ask one with the role api or worker`,
  )
