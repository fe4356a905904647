import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestServer } from '../../src/engines/test-servers.ts'
import { Database } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrations.ts'
import { createTestDatabase } from '../../src/postgres/test-database.ts'
import type { Build } from './build.ts'
import { violations } from './checker.ts'
import type { Report } from './child.ts'
import { factsOf } from './facts.ts'
import { EFFECTS_TABLE } from './plan.ts'
import type { Target } from './points.ts'
import { prepare } from './prepare.ts'
import type { Ask, Send } from './progress.ts'
import type { Run } from './scenario.ts'

/** What came of one kill, or of a run without one. */
export interface Verdict {
  readonly target: Target | undefined
  /** Whether the point was reached, so that the process died there. */
  readonly killed: boolean
  readonly violations: readonly string[]
  /** Points that the first process reached, where it lived to tell. */
  readonly reached: Report['reached']
}

const EMPTY = 'TRUNCATE effects, millrace_inbox, millrace_audit, millrace_outbox'

const MAX_TRIES = 3

/** Runs the scenario in processes that die, has another one finish it, and asks the checker. */
export class Sweep {
  readonly #build: Build
  readonly #servers: { redis: TestServer; postgres: TestServer }
  readonly #send: Send
  readonly #recoverer: Recoverer
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-test-crash-points-journals-'))

  /** @param send to Redis, past all that is tested */
  constructor(build: Build, servers: { redis: TestServer; postgres: TestServer }, send: Send) {
    this.#build = build
    this.#servers = servers
    this.#send = send
    this.#recoverer = new Recoverer(build.child)
  }

  /**
   * Kills a process at each target, several side by side, each with streams and a database of its own. It begins no more
   * after the deadline.
   *
   * @param deadline on the clock of `performance.now`
   */
  async run(
    targets: readonly (Target | undefined)[],
    atOnce: number,
    deadline = Infinity,
  ): Promise<Verdict[]> {
    const waiting = [...targets]
    const verdicts: Verdict[] = []
    const work = async () => {
      const url = await createTestDatabase(this.#servers.postgres.url)
      const database = new Database({ url, maxConnections: 2 })
      await migrate(database)
      await database.query(EFFECTS_TABLE)
      while (waiting.length > 0 && performance.now() < deadline) {
        verdicts.push(await this.#crash(waiting.shift(), url, database.query))
      }
      await database.close()
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, targets.length) }, work))
    return verdicts
  }

  async close(): Promise<void> {
    await this.#recoverer.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Once more where a process or Redis had no time for so long that it may have been taken for dead. */
  async #crash(target: Target | undefined, postgresUrl: string, ask: Ask): Promise<Verdict> {
    for (let tries = 1; ; tries++) {
      const { stalled, ...verdict } = await this.#crashOnce(target, postgresUrl, ask)
      if (!stalled || verdict.violations.length === 0 || tries === MAX_TRIES) return verdict
    }
  }

  async #crashOnce(
    target: Target | undefined,
    postgresUrl: string,
    ask: Ask,
  ): Promise<Verdict & { stalled: boolean }> {
    const run = `crash-${randomBytes(6).toString('hex')}`
    const journal = join(this.#folder, run)
    const options: Run = { run, redisUrl: this.#servers.redis.url, postgresUrl, journal }
    await prepare(run, this.#send)
    const { signal, report, output } = await runChild(this.#build.child, options, target)
    await this.#untilGone(run)
    const atKill = await factsOf(run, journal, this.#send, ask)
    const { left } = await this.#recoverer.recover(options)
    const end = await factsOf(run, journal, this.#send, ask)
    const wrong = [...left.map((what) => `left to do: ${what}`), ...violations(atKill, end)]
    if (signal !== 'SIGKILL' && !report) wrong.unshift(`the process ended by itself: ${output}`)
    if (wrong.length > 0) wrong.push(...lastWords(atKill.lines))
    await this.#send('DEL', ...(await this.#send<string[]>('KEYS', `*${run}*`)))
    await ask(EMPTY)
    const stalled = end.lines.some(({ what }) => what === 'stalled')
    return {
      target,
      killed: signal === 'SIGKILL',
      violations: wrong,
      reached: report?.reached ?? [],
      stalled,
    }
  }

  /** What it had sent is done by then: its connections are closed after that. */
  async #untilGone(run: string): Promise<void> {
    while ((await this.#send<string>('CLIENT', 'LIST')).includes(`name=${run}`)) await sleep(2)
  }
}

/** What the journal said last before the kill, for whoever has to find out why. */
const lastWords = (lines: readonly object[]): string[] => [
  `before the kill: … ${lines
    .slice(-6)
    .map((line) => JSON.stringify(line))
    .join(' ')}`,
]

async function runChild(child: string, run: Run, target: Target | undefined) {
  const argument = JSON.stringify({ ...run, target })
  const running = spawn(process.execPath, [child, 'run', argument], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [printed, output] = ['', '']
  running.stdout.on('data', (bytes) => (printed += String(bytes)))
  running.stderr.on('data', (bytes) => (output += String(bytes)))
  const [, signal] = (await once(running, 'close')) as [number | null, NodeJS.Signals | null]
  const report = printed.endsWith('\n') ? (JSON.parse(printed) as Report) : undefined
  return { signal, report, output }
}

/** The process that finishes what others could not, as often as it is asked. */
class Recoverer {
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #waiting = new Map<string, (report: Report) => void>()
  #failed: (error: Error) => void = () => {}
  readonly #failure = new Promise<never>((_, reject) => (this.#failed = reject))

  constructor(child: string) {
    this.#failure.catch(() => {})
    this.#process = spawn(process.execPath, [child, 'serve'], { stdio: ['pipe', 'pipe', 'pipe'] })
    let output = ''
    this.#process.stderr!.on('data', (bytes) => (output += String(bytes)))
    this.#ended = once(this.#process, 'close').then(() =>
      this.#failed(new Error(`the process that recovers ended: ${output}`)),
    )
    createInterface(this.#process.stdout!).on('line', (line) => {
      const report = JSON.parse(line) as Report
      this.#waiting.get(report.run)?.(report)
    })
  }

  async recover(run: Run): Promise<Report> {
    const reported = new Promise<Report>((resolve) => this.#waiting.set(run.run, resolve))
    this.#process.stdin!.write(`${JSON.stringify(run)}\n`)
    return Promise.race([reported, this.#failure]).finally(() => this.#waiting.delete(run.run))
  }

  async close(): Promise<void> {
    this.#process.stdin!.end()
    await this.#ended
  }
}
