import { Command, InvalidArgumentError, Option } from 'commander'
import { TOPOLOGIES, type TopologyName } from './topologies/names.ts'

export interface TortureOptions {
  seconds: number
  seed: number
  topology: TopologyName
  /** Only these kinds of faults. */
  faults?: readonly string[]
  /** Events a second, over all publishers and streams. */
  rate: number
  workers: number
  /** Where the evidence is kept; a temporary folder that is removed when it is not given. */
  keep?: string
  /** Where the report goes as JSON. */
  json?: string
  /** Print the plan, and run nothing. */
  plan?: boolean
}

/** Reads the command line; commander ends the process with 2 where it makes no sense. */
export function readOptions(argv: readonly string[]): TortureOptions {
  const program = new Command('torture')
    .description('Breaks everything around Millrace by a seeded schedule, and checks what it promised.')
    .option('--minutes <n>', 'how long the load runs', positive)
    .option('--seconds <n>', 'the same in seconds (120)', positive)
    .option('--seed <n>', 'of the schedule and the load; by chance when left out', whole)
    .addOption(new Option('--topology <name>', 'what Redis is').choices([...TOPOLOGIES]).default('single'))
    .option('--faults <kinds>', 'only these, with commas between them', (list: string) => list.split(','))
    .option('--rate <n>', 'events a second over all streams', positive, 550)
    .option('--workers <n>', 'worker processes', whole, 3)
    .option('--keep <dir>', 'keep the evidence there')
    .option('--json <file>', 'write the report there as well')
    .option('--plan', 'print the schedule of faults and end')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse([...argv], { from: 'user' })
  const { minutes, seconds, seed, ...rest } = program.opts()
  return {
    ...rest,
    seconds: seconds ?? (minutes === undefined ? 120 : minutes * 60),
    seed: seed ?? Math.floor(Math.random() * 2 ** 31),
  } as TortureOptions
}

function positive(text: string): number {
  const value = Number(text)
  if (!(Number.isFinite(value) && value > 0)) throw new InvalidArgumentError('It must be a number above 0.')
  return value
}

function whole(text: string): number {
  const value = Number(text)
  if (!(Number.isSafeInteger(value) && value > 0))
    throw new InvalidArgumentError('It must be a whole number from 1 on.')
  return value
}
