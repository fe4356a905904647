import { Command, InvalidArgumentError } from 'commander'
import { toError } from '../../src/core/errors.ts'
import { renderReport } from '../checker/render.ts'
import type { Report } from '../checker/report.ts'
import { MUTANTS, type Mutant } from './mutants.ts'
import { TRIALS, type TrialName } from './trials.ts'
import { Workshop } from './workshop.ts'

/* npm run mutants [-- --only 03,11] [--seed 5] [--keep]: a check on the checker, which has to catch every mutant. */

interface Options {
  only?: string[]
  seed: number
  keep?: boolean
  controls: boolean
}

const startedAt = performance.now()
const options = readOptions()
const mutants = chosen(options.only)
say(`seed ${options.seed}; --seed ${options.seed} does the same again`)

const trials = options.controls ? [...new Set(mutants.map(({ trial }) => trial))] : []
const clean = await count(trials, controlIsClean)
const caught = await count(mutants, isCaught)
print(`${caught} of ${mutants.length} mutants caught, ${clean} of ${trials.length} controls clean`)
process.exitCode = caught === mutants.length && clean === trials.length ? 0 : 1

/** What the checker finds where nothing is wrong would be found with every mutant as well. */
async function controlIsClean(trial: TrialName): Promise<boolean> {
  return tried(`control: ${trial}`, trial, undefined, (report) => {
    const { violations } = report
    if (violations.length > 0) say(renderReport(report))
    return {
      good: violations.length === 0,
      verdict: violations.length === 0 ? 'clean' : `NOT CLEAN: ${foundIn(report)}`,
    }
  })
}

async function isCaught({ name, trial, caughtBy }: Mutant): Promise<boolean> {
  return tried(name, trial, name, (report) => {
    const found = foundIn(report)
    if (found === '') return { good: false, verdict: 'NOT CAUGHT' }
    if (caughtBy.some((invariant) => invariant in report.totals))
      return { good: true, verdict: `caught: ${found}` }
    return { good: false, verdict: `BY ACCIDENT: ${found}, and not ${caughtBy.join(' nor ')}` }
  })
}

/** Prints a line of the table. */
async function tried(
  title: string,
  trial: TrialName,
  mutant: string | undefined,
  judge: (report: Report) => { good: boolean; verdict: string },
): Promise<boolean> {
  const begun = performance.now()
  const { good, verdict } = await run(trial, mutant).then(judge, (error: unknown) => ({
    good: false,
    verdict: `BROKE DOWN: ${toError(error).message}`,
  }))
  const seconds = Math.round((performance.now() - begun) / 1_000)
  print(`${title.padEnd(36)} ${`${seconds} s`.padStart(6)}  ${verdict}`)
  return good
}

async function run(trial: TrialName, mutant: string | undefined): Promise<Report> {
  const workshop = new Workshop(mutant)
  say(`${mutant ?? 'the source as it is'}: ${trial}${options.keep ? `, in ${workshop.folder}` : ''}`)
  try {
    return await workshop.torture(TRIALS[trial], options.seed)
  } finally {
    if (!options.keep) workshop.remove()
  }
}

function foundIn({ totals }: Report): string {
  return Object.entries(totals)
    .map(([invariant, times]) => `${invariant} ${times}×`)
    .join(', ')
}

async function count<T>(items: readonly T[], holds: (item: T) => Promise<boolean>): Promise<number> {
  let count = 0
  for (const item of items) if (await holds(item)) count++
  return count
}

function readOptions(): Options {
  const program = new Command('mutants')
    .description('Brings back faults one by one in a copy of the source: the torture has to find each.')
    .option('--only <numbers>', 'only these mutants, such as 03,11', (list: string) => list.split(','))
    // With it each schedule has the victims that matter.
    .option('--seed <n>', 'of schedules and load', whole, 5)
    .option('--no-controls', 'do not run the source as it is')
    .option('--keep', 'keep the copies, with what was found there')
    .parse()
  return program.opts<Options>()
}

function whole(text: string): number {
  const value = Number(text)
  if (!(Number.isSafeInteger(value) && value > 0))
    throw new InvalidArgumentError('It must be a whole number from 1 on.')
  return value
}

function chosen(only: readonly string[] | undefined): readonly Mutant[] {
  const unknown = only?.filter((number) => !MUTANTS.some(({ name }) => name.startsWith(`${number}-`))) ?? []
  if (unknown.length > 0) {
    say(`there is no mutant ${unknown.join(', ')}; there are: ${MUTANTS.map(({ name }) => name).join(', ')}`)
    process.exit(2)
  }
  return only ? MUTANTS.filter(({ name }) => only.includes(name.slice(0, 2))) : MUTANTS
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function say(line: string): void {
  const at = ((performance.now() - startedAt) / 1_000).toFixed(1)
  process.stderr.write(`${at.padStart(7)} s  ${line}\n`)
}
