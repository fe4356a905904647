import type { RedisOptions } from '../src/redis/connection.ts'
import { createLogger, type Logger } from '../src/telemetry/logger.ts'
import { synchronousDestination } from '../src/telemetry/destination.ts'
import type { Canaries } from './canaries.ts'
import { EvidenceWriter } from './evidence.ts'

/** What a process is told when it is started. */
export interface ProcessOptions {
  name: string
  folder: string
  redis: RedisOptions
  databaseUrl: string
  /** Whether Redis has replicas. */
  replicated: boolean
  canaries: Canaries
  /** Of a publisher: events a second over all its lanes. */
  rate: number
  /** Of a worker: the late group has come. */
  late: boolean
}

/** What a process is told while it runs. */
export type Message = { tell: 'stop' } | { tell: 'late' } | { tell: 'block'; forMs: number }

export const OPTIONS_VARIABLE = 'TORTURE_OPTIONS'
const STDERR = 2
const PROBE_MS = 1_000
/** Longer than anything takes to close. */
const END_MS = 60_000

export interface ProcessContext {
  readonly options: ProcessOptions
  readonly evidence: EvidenceWriter
  readonly logger: Logger
  /** Everything is connected and runs. */
  ready(): void
  /** Calls it for every message. */
  onMessage(handle: (message: Message) => void): void
  /** Says what is still open when all should be closed, and lets the process end by itself. */
  ended(): void
}

/** What a publisher and a worker have in common: options, evidence, log, probes, and an end with their parent's. */
export function processContext(): ProcessContext {
  const options = JSON.parse(process.env[OPTIONS_VARIABLE]!) as ProcessOptions
  const evidence = new EvidenceWriter(options.folder)
  const logger = createLogger({
    level: 'debug',
    format: 'json',
    service: options.name,
    environment: 'torture',
    destination: synchronousDestination(STDERR),
  })
  process.on('disconnect', () => process.exit(1))
  const probe = setInterval(() => {
    const { rss, heapUsed } = process.memoryUsage()
    evidence.write('probes', [[Date.now(), options.name, rss, heapUsed, JSON.stringify(resources())]])
  }, PROBE_MS)
  return {
    options,
    evidence,
    logger,
    ready() {
      process.send!({ ready: true })
    },
    onMessage(handle) {
      process.on('message', handle)
    },
    ended() {
      clearInterval(probe)
      process.removeAllListeners('disconnect')
      process.removeAllListeners('message')
      process.disconnect()
      setImmediate(() =>
        evidence.write('ends', [[Date.now(), options.name, 'closed', JSON.stringify(resources())]]),
      )
      // Nothing should be left that keeps the process alive; what does is reported, and does not hold up the run.
      setTimeout(() => {
        evidence.write('ends', [[Date.now(), options.name, 'stuck', JSON.stringify(resources())]])
        process.exit(3)
      }, END_MS).unref()
    },
  }
}

/** What keeps this process alive, by kind; its own standard streams aside. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}
