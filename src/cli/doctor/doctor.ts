import { createServer } from 'node:net'
import type { Config } from '../../config/config.ts'
import { InvalidError, toError } from '../../core/errors.ts'
import { postgresEngine, redisEngine, type EngineOptions } from '../../engines/engines.ts'
import { databaseVersion } from '../../postgres/database.ts'
import { RedisStreamLog } from '../../redis/redis-log.ts'
import { evicts, type ServerInfo } from '../../redis/server.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { print, printJson, say, type Io } from '../io.ts'
import { readCommandConfig } from '../service-config.ts'
import { databaseTls, redisTls } from '../service/tls.ts'
import { engineFolder, type RedisFlags } from '../with-redis.ts'

/** One thing that was looked at. */
export interface Check {
  name: string
  status: 'ok' | 'warning' | 'failed'
  detail: string
  /** What to do, where something is to be done. */
  advice?: string
}

const OLDEST_NODE = [20, 19] as const
const MAX_CLOCK_SKEW_MS = 1_000

/** `millrace doctor`: looks at everything that the service needs; exit code 1 if something is amiss. */
export async function doctorCommand(io: Io, flags: RedisFlags & { json?: boolean }): Promise<ExitCode> {
  const checks = await examine(io, flags)
  if (flags.json) await printJson(io, checks)
  else for (const check of checks) await print(io, toLine(check))
  return checks.some(({ status }) => status === 'failed') ? EXIT.failed : EXIT.ok
}

async function examine(io: Io, flags: RedisFlags): Promise<Check[]> {
  const checks = [checkNode(process.versions.node)]
  let config: Config
  try {
    config = (await readCommandConfig(io, flags)).config
  } catch (error) {
    return [...checks, checkConfiguration(error)]
  }
  checks.push({ name: 'configuration', status: 'ok', detail: `environment ${config.environment}` })
  const engines = { dir: engineFolder(io), env: io.env, onProgress: (line: string) => say(io, line) }
  checks.push(
    ...(await checkRedis(config, engines)),
    await checkPostgres(config, engines),
    await checkPort(config),
  )
  return checks
}

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const name = 'node'
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) {
    return { name, status: 'ok', detail: `Node.js ${version}` }
  }
  const advice = `install Node.js ${OLDEST_NODE.join('.')} or newer`
  return { name, status: 'failed', detail: `Node.js ${version} is too old`, advice }
}

function checkConfiguration(error: unknown): Check {
  const issues = error instanceof InvalidError ? error.issues : []
  const detail = issues.map(({ path, message }) => `${path} ${message}`).join('; ') || toError(error).message
  return { name: 'configuration', status: 'failed', detail, advice: 'correct these variables' }
}

async function checkRedis(config: Config, engines: EngineOptions): Promise<Check[]> {
  let engine: Awaited<ReturnType<typeof redisEngine>> | undefined
  try {
    if (!config.redis) engine = await redisEngine(engines)
    const log = await RedisStreamLog.open({
      ...(config.redis ?? { url: engine!.url }),
      ...redisTls(config),
      allowEviction: true,
    })
    await log.close()
    return judgeRedis(log.server, engine ? 'embedded' : 'configured')
  } catch (error) {
    const advice = 'start Redis, or set REDIS_URL to one that runs'
    return [{ name: 'redis', status: 'failed', detail: toError(error).message, advice }]
  } finally {
    await engine?.stop()
  }
}

/** What a server says of itself, and what follows from it. */
export function judgeRedis(server: ServerInfo, kind: string): Check[] {
  const { version, evictionPolicy, appendOnly, clockSkewMs } = server
  const policy: Check = { name: 'redis-memory', status: 'ok', detail: `maxmemory-policy ${evictionPolicy}` }
  if (evicts(server)) {
    policy.status = 'failed'
    policy.advice = 'Redis may drop whole streams when memory is full: CONFIG SET maxmemory-policy noeviction'
  }
  const persistence: Check = { name: 'redis-persistence', status: 'ok', detail: 'append-only file on' }
  if (!appendOnly) {
    persistence.status = 'warning'
    persistence.detail = 'append-only file off'
    persistence.advice =
      'a restart of Redis loses what came since the last snapshot: CONFIG SET appendonly yes'
  }
  const clock: Check = {
    name: 'clock',
    status: 'ok',
    detail: `Redis and this machine differ by ${Math.abs(clockSkewMs)} ms`,
  }
  if (Math.abs(clockSkewMs) > MAX_CLOCK_SKEW_MS) {
    clock.status = 'warning'
    clock.advice = 'entries get their time from Redis: synchronise the clocks (NTP)'
  }
  return [{ name: 'redis', status: 'ok', detail: `Redis ${version} (${kind})` }, policy, persistence, clock]
}

async function checkPostgres(config: Config, engines: EngineOptions): Promise<Check> {
  const name = 'postgresql'
  let engine: Awaited<ReturnType<typeof postgresEngine>> | undefined
  try {
    if (!config.database) engine = await postgresEngine(engines)
    const version = await databaseVersion({
      url: config.database?.url ?? engine!.url,
      ...databaseTls(config),
    })
    return { name, status: 'ok', detail: `PostgreSQL ${version} (${engine ? 'embedded' : 'configured'})` }
  } catch (error) {
    const advice = 'start PostgreSQL, or set DATABASE_URL to one that runs'
    return { name, status: 'failed', detail: toError(error).message, advice }
  } finally {
    await engine?.stop()
  }
}

async function checkPort({ http: { port, host } }: Config): Promise<Check> {
  const name = 'port'
  if (await canListen(port, host)) return { name, status: 'ok', detail: `port ${port} is free` }
  if (await isMillrace(port, host)) return { name, status: 'ok', detail: `Millrace answers on port ${port}` }
  const advice = `end what uses it, or set SERVICE_PORT to another`
  return { name, status: 'failed', detail: `port ${port} is used by something else`, advice }
}

function canListen(port: number, host: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => server.close(() => resolve(true)))
  })
}

async function isMillrace(port: number, host = '127.0.0.1'): Promise<boolean> {
  try {
    const answer = await fetch(`http://${host}:${port}/health`, { signal: AbortSignal.timeout(2_000) })
    return 'checks' in ((await answer.json()) as object)
  } catch {
    return false
  }
}

const MARKS = { ok: 'ok      ', warning: 'warning ', failed: 'FAILED  ' } as const

const toLine = ({ name, status, detail, advice }: Check): string =>
  `${MARKS[status]} ${name.padEnd(18)} ${detail}${advice ? `\n${' '.repeat(28)}-> ${advice}` : ''}`
