import { writeFileSync } from 'node:fs'
import { renderReport } from './checker/render.ts'
import { readOptions } from './options.ts'
import { planTable } from './plan.ts'
import { planOf, torture, UsageError } from './run.ts'

/* npm run torture -- [--minutes 60] [--seed 1] [--topology single]: breaks everything, and checks what was promised. */

const options = readOptions(process.argv.slice(2))
const startedAt = performance.now()
const say = (line: string) =>
  process.stderr.write(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(7)} s  ${line}\n`)

try {
  if (options.plan) process.stdout.write(`${planTable(planOf(options))}\n`)
  else await run()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
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
