import { writeFileSync } from 'node:fs'
import { renderReport } from './checker/render.ts'
import { readOptions } from './options.ts'
import { planTable } from './plan.ts'
import { planOf, torture, UsageError } from './run.ts'
import type { SinkName } from './sinks/names.ts'
import { sinkLines } from './sinks/report.ts'
import { tortureSink, type SinkReport } from './sinks/run.ts'

/* npm run torture -- [--minutes 60] [--seed 1] [--topology single]: breaks everything, and checks what was promised. */

const options = readOptions(process.argv.slice(2))
const startedAt = performance.now()
const say = (line: string) =>
  process.stderr.write(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(7)} s  ${line}\n`)

try {
  if (options.plan) process.stdout.write(`${planTable(planOf(options))}\n`)
  else if (options.sinks) await runSinks(options.sinks)
  else await run()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}

/** One after the other: each has the machine for itself. */
async function runSinks(sinks: readonly SinkName[]): Promise<void> {
  say(`seed ${options.seed}; --seed ${options.seed} kills the same ones again`)
  const reports: SinkReport[] = []
  for (const sink of sinks) {
    const report = await tortureSink(sink, options, say)
    reports.push(report)
    process.stdout.write(`${sinkLines(report)}\n`)
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(reports, null, 2)}\n`)
  process.exitCode = reports.every(({ violations }) => violations.length === 0) ? 0 : 1
}

async function run(): Promise<void> {
  say(
    `seed ${options.seed}, ${options.seconds} s on ${options.topology}; --seed ${options.seed} does the same again`,
  )
  const report = await torture(options, say)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`)
  process.stdout.write(`${renderReport(report)}\n`)
  process.exitCode = report.violations.length === 0 ? 0 : 1
}
