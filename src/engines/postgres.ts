import { join } from 'node:path'

import { Client } from 'pg'

import {
  crashRecovery,
  DATABASE,
  initialise,
  isInitialised,
  newPassword,
  setPassword,
} from './postgres-data.ts'
import { postgresHome } from './postgres-home.ts'
import { findPostgres } from './postgres-program.ts'
import type { Health, Server } from './server.ts'
import { readState, saveState } from './state.ts'

const PROBE_MS = 3000

const LOOPBACK_ONLY = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=']

export interface PostgresOptions {
  /** Where a copy of the binaries goes, if they need one. Default: beside the data. */
  engines?: string
  onProgress: (line: string) => void
}

export async function postgresServer(dir: string, options: PostgresOptions): Promise<Server> {
  const home = await postgresHome(dir)
  const engines = options.engines ?? join(home.folder, 'engines')
  const dataDir = join(home.folder, 'postgres')
  const stateFile = join(dir, 'postgres.json')
  const password = (): string | undefined => readState(stateFile).password
  const url = (port: number): string => `postgres://postgres:${password()}@127.0.0.1:${port}/${DATABASE}`
  return {
    name: 'PostgreSQL',
    dataDir,
    logFile: join(dir, 'postgres.log'),
    stateFile,
    place: ['-D', dataDir, '-p'],
    stopSignal: 'SIGINT',
    async prepare() {
      const programs = await findPostgres(engines, home.account)
      const data = { folder: dataDir, programs, account: home.account }
      if (!isInitialised(dataDir)) {
        options.onProgress('Creating the PostgreSQL database (once) …')
        saveState(stateFile, { password: undefined })
        await initialise(data)
      }
      if (!password()) {
        const fresh = newPassword()
        await setPassword(data, fresh)
        saveState(stateFile, { password: fresh })
      }
      return {
        file: programs.postgres,
        args: LOOPBACK_ONLY,
        env: crashRecovery(dataDir),
        account: home.account,
        origin: 'embedded',
        software: programs.software,
      }
    },
    probe: async (_pid, port) => (password() ? probePostgres(url(port), dataDir) : 'denied'),
    url,
  }
}

/** `dataDir` tells ours from another server that has the port. */
export async function probePostgres(url: string, dataDir: string): Promise<Health> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: PROBE_MS,
    query_timeout: PROBE_MS,
  })
  client.on('error', () => {}) // it may die while we ask; the call that fails says so
  try {
    await client.connect()
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory')
    return rows[0]?.data_directory === dataDir ? 'ready' : 'silent'
  } catch (error) {
    return HEALTH_BY_CODE[(error as { code?: string }).code ?? ''] ?? 'silent'
  } finally {
    await client.end().catch(() => {})
  }
}

const HEALTH_BY_CODE: Record<string, Health> = {
  '57P03': 'starting',
  '28P01': 'denied', // wrong password
  '3D000': 'denied', // no such database
}
