import { readConfigFile } from '../config/config-file.ts'
import { readConfiguration, type Config, type Configuration } from '../config/config.ts'
import type { Io } from './io.ts'
import { VERSION } from './package-info.ts'

/** What may be said on the command line about what the service runs with. */
export interface ConfigFlags {
  /** The configuration file, instead of the one in the working directory. */
  config?: string
  redis?: string
  app?: string
  port?: string
}

/**
 * What a service runs with that is started here with these flags; called again it reads all files anew.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
 */
export const readServiceConfig = (
  io: Io,
  { config, redis, app, port }: ConfigFlags,
): Promise<Configuration> => readWithFlags(io, config, { SERVICE_PORT: port, REDIS_URL: redis, APP: app })

/** A command is no role of the service, so it needs neither database, name nor keys, which production wants of one. */
export const readCommandConfig = (io: Io, { config, redis }: ConfigFlags): Promise<Configuration> =>
  readWithFlags(io, config, { ROLES: 'connector', SERVICE_NAME: 'millrace-cli', REDIS_URL: redis }, false)

/** The same for what belongs to one service by its name. */
export const readServiceName = async (
  io: Io,
  { config, service }: ConfigFlags & { service?: string },
): Promise<Pick<Config, 'service' | 'security'>> =>
  (await readWithFlags(io, config, { ROLES: 'connector', SERVICE_NAME: service }, false)).config

async function readWithFlags(
  { env, cwd }: Io,
  path: string | undefined,
  flags: Record<string, string | undefined>,
  serves = true,
): Promise<Configuration> {
  const file = await readConfigFile(cwd, path)
  return readConfiguration(env, { cwd, version: VERSION, flags, file, serves })
}
