import { SCOPES, type Scope } from '../../core/access.ts'
import type { ApiKeyInfo, KeyControl } from '../../core/api-keys.ts'
import { MillraceError } from '../../core/errors.ts'
import { nearestName } from '../../core/nearest.ts'
import { noLog, type Log } from '../../core/service.ts'
import { Access } from '../../security/access.ts'
import { ApiKeys } from '../../security/api-keys.ts'
import { StoredKeys } from '../../security/stored-keys.ts'
import { confirm } from '../confirm.ts'
import type { DestructiveFlags, JsonFlags, OperatorFlags } from '../flags.ts'
import { given } from '../given.ts'
import { print, printJson, say, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { printTable, type Column } from '../output/table.ts'
import { readServiceName } from '../service-config.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'
import type { KeyCreateFlags } from './key.ts'

interface ServiceFlags extends RedisFlags, JsonFlags {
  /** The name of the service. */
  service?: string
}

/** `millrace key create --store`: the key goes to standard output, and nowhere else. */
export const keyStoreCommand = (
  io: Io,
  flags: KeyCreateFlags & ServiceFlags & OperatorFlags,
): Promise<void> =>
  withKeys(io, flags, async (keys, service) => {
    const { name, expires } = flags
    // What is no scope is refused with all other mistakes.
    const scopes = flags.scopes.split('+') as Scope[]
    const { key, info } = await keys.create({ name, scopes, ...given({ expires }) }, operatorOf(flags))
    if (flags.json) return printJson(io, { key, info })
    await print(io, key)
    say(
      io,
      `\nGive this key to ${name}; it is not shown again. All instances of ${service} accept it within a second.`,
    )
  })

/** `millrace key ls`. */
export const keyListCommand = (io: Io, flags: ServiceFlags): Promise<void> =>
  withKeys(io, flags, async (keys, service) => {
    const list = await keys.list()
    if (flags.json) return printJson(io, list)
    if (list.length === 0)
      return say(io, `${service} has no keys that are stored, or in API_KEYS as it is set here`)
    await printTable(io, list, COLUMNS)
  })

/** `millrace key revoke NAME`. */
export const keyRevokeCommand = (
  io: Io,
  name: string,
  flags: ServiceFlags & DestructiveFlags,
): Promise<void> =>
  withKeys(io, flags, async (keys, service) => {
    const operator = operatorOf(flags)
    const { scopes } = await keys.delete(name, { ...operator, dryRun: true }).catch(nearestOf(keys, name))
    const consequences = [
      `Whoever uses the key "${name}" of ${service} (${scopes.join(', ')}) is refused from now on.`,
    ]
    await confirm(io, flags, { what: `the key "${name}"`, name, consequences })
    const revoked = flags.dryRun ? undefined : await keys.delete(name, operator)
    if (flags.json) return printJson(io, revoked ?? { name, scopes, dryRun: true })
    await print(
      io,
      flags.dryRun ? `the key "${name}" would be taken away` : `the key "${name}" was taken away`,
    )
  })

/** For an unknown name, the error with the one that was probably meant. */
const nearestOf =
  (keys: KeyControl, name: string) =>
  async (error: unknown): Promise<never> => {
    if (!(error instanceof MillraceError) || error.code !== 'UNKNOWN_KEY') throw error
    const known = await keys.list()
    const nearest = nearestName(
      name,
      known.map((key) => key.name),
    )
    throw nearest === undefined
      ? error
      : new MillraceError('UNKNOWN_KEY', `${error.message}; did you mean "${nearest}"?`)
  }

/** The keys of the service that the configuration, or `--service`, names. */
async function withKeys(
  io: Io,
  flags: ServiceFlags,
  work: (keys: KeyControl, service: string) => Promise<void>,
): Promise<void> {
  const { service, security } = await readServiceName(io, flags)
  await withOperations(io, flags, async ({ log }) => {
    const keys = new StoredKeys(new Access(new ApiKeys(security.apiKeys)), faultsTo(io))
    await keys.open(log.apiKeys(service.name))
    await work(keys, service.name).finally(() => keys.stop(0))
  })
}

const faultsTo = (io: Io): Log => ({ ...noLog, error: (_, message) => say(io, `warning: ${message}`) })

const COLUMNS: readonly Column<ApiKeyInfo>[] = [
  { title: 'NAME', text: ({ name }) => name, shrinks: true },
  { title: 'SCOPES', text: ({ scopes }) => SCOPES.filter((scope) => scopes.includes(scope)).join('+') },
  { title: 'EXPIRES', text: ({ expiresAt }) => expiresAt ?? 'never' },
  { title: 'ORIGIN', text: ({ origin }) => origin },
  { title: 'CREATED', text: ({ createdAt }) => createdAt ?? '-' },
  { title: 'BY', text: ({ createdBy }) => createdBy ?? '-', shrinks: true },
]
