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
  /** Checks a configuration, with the rules that it names; nothing where all is well. */
  checkConfig(file: string): Promise<string>
  /** Checks a file of rules, or runs files of tests of rules; nothing where all is well, else what is wrong first. */
  checkRules(file: string): Promise<string>
  testRules(files: readonly string[]): Promise<string>
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
    return { program: { file, software: await versionOf(file), ...checks(promtool) } }
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
function checks(promtool: string) {
  const complaints = (args: string[], input = '') =>
    run(promtool, args, { input }).catch((error: unknown) => toError(error).message)
  const failure = (args: string[]) =>
    run(promtool, args).then(
      () => '',
      (error: unknown) => toError(error).message,
    )
  return {
    checkMetrics: (text: string) => complaints(['check', 'metrics'], text),
    checkConfig: (file: string) => failure(['check', 'config', file]),
    checkRules: (file: string) => failure(['check', 'rules', file]),
    testRules: (files: readonly string[]) => failure(['test', 'rules', ...files]),
  }
}

export interface TestPrometheus {
  /** Asks a query as of now: the value of each series, with its labels. */
  query(expression: string): Promise<{ labels: Record<string, string>; value: number }[]>
  /** What is wrong with rules that it has evaluated, by their names; undefined until it has evaluated all of them. */
  ruleErrors(): Promise<Record<string, string> | undefined>
  /** Ends it and removes what it stored. */
  stop(): Promise<void>
}

/** Scrapes `targets` (`host:port`) once a second, and evaluates the rules of these files as often. */
export async function startTestPrometheus(
  { file }: PrometheusProgram,
  targets: readonly string[],
  ruleFiles: readonly string[] = [],
): Promise<TestPrometheus> {
  const dir = temporaryFolder('prometheus')
  mkdirSync(join(dir, 'data'))
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ruleFiles,
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
  const url = `http://127.0.0.1:${port}`
  return {
    query: (expression) => ask(url, expression),
    ruleErrors: () => askRules(url),
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

interface Rules {
  data: {
    groups: { rules: { name: string; health: string; lastError?: string }[] }[]
  }
}

async function askRules(url: string): Promise<Record<string, string> | undefined> {
  const response = await fetch(`${url}/api/v1/rules`)
  const { data } = (await response.json()) as Rules
  const rules = data.groups.flatMap((group) => group.rules)
  if (rules.length === 0 || rules.some(({ health }) => health === 'unknown')) return undefined
  const failed = rules.filter(({ health }) => health !== 'ok')
  return Object.fromEntries(failed.map(({ name, lastError = '' }) => [name, lastError]))
}
