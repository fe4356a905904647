import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { dirname, join } from 'node:path'

import { toError } from '../core/errors.ts'
import { PROMETHEUS_PACKAGE, unpackedServer } from './debian-package.ts'
import { freePort } from './ports.ts'
import { run } from './run.ts'
import { sharedFolder, temporaryFolder } from './test-server.ts'

/** The distribution's Prometheus, unpacked beside the other engines. */
export interface PrometheusProgram {
  /** Such as `Prometheus 2.42.0`. */
  readonly software: string
  readonly file: string
  /** Checks the text of metrics and says what is wrong with it; nothing where all is well. */
  checkMetrics(text: string): Promise<string>
}

/**
 * A Prometheus for tests, which are skipped where it can't be had, with the reason in their name.
 *
 * @example
 * const prometheus = await findTestPrometheus()
 * test.skipIf(!prometheus.program)(`scraped by ${prometheus.program?.software ?? prometheus.reason}`, …)
 */
export async function findTestPrometheus(): Promise<
  { program: PrometheusProgram; reason?: never } | { program?: never; reason: string }
> {
  const path = process.env['PATH']
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  try {
    const { file } = await unpackedServer(
      PROMETHEUS_PACKAGE,
      join(sharedFolder(), 'engines'),
      path,
      versionOf,
      say,
    )
    const promtool = join(dirname(file), 'promtool')
    return { program: { file, software: await versionOf(file), checkMetrics: check(promtool) } }
  } catch (error) {
    return { reason: `Prometheus can't be had: ${toError(error).message}` }
  }
}

async function versionOf(file: string): Promise<string> {
  const [, version] = /^prometheus, version (\S+)/.exec(await run(file, ['--version'])) ?? []
  if (version === undefined) throw new Error(`${file} does not tell its version`)
  return `Prometheus ${version}`
}

/** promtool fails where the text is broken, and prints what is unusual about it. */
const check = (promtool: string) => (text: string) =>
  run(promtool, ['check', 'metrics'], { input: text }).catch((error: unknown) => toError(error).message)

export interface TestPrometheus {
  /** Asks a query as of now: the value of each series, with its labels. */
  query(expression: string): Promise<{ labels: Record<string, string>; value: number }[]>
  /** Ends it and removes what it stored. */
  stop(): Promise<void>
}

/** Scrapes `targets` (`host:port`) once a second. */
export async function startTestPrometheus(
  { file }: PrometheusProgram,
  targets: readonly string[],
): Promise<TestPrometheus> {
  const dir = temporaryFolder('prometheus')
  mkdirSync(join(dir, 'data'))
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [{ job_name: 'millrace', static_configs: [{ targets }] }],
  }
  writeFileSync(join(dir, 'prometheus.yml'), JSON.stringify(config)) // JSON is YAML
  const port = await freePort()
  const child = spawn(
    file,
    [
      `--config.file=${dir}/prometheus.yml`,
      `--storage.tsdb.path=${dir}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore', cwd: dir },
  )
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  return {
    query: (expression) => ask(`http://127.0.0.1:${port}`, expression),
    async stop() {
      process.off('exit', end)
      if (child.exitCode === null && end()) await once(child, 'exit')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

interface Answer {
  status: string
  error?: string
  data: { result: { metric: Record<string, string>; value: [time: number, value: string] }[] }
}

async function ask(url: string, expression: string) {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`)
  const { status, error, data } = (await response.json()) as Answer
  if (status !== 'success') throw new Error(`${expression}: ${error}`)
  return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
}
