import { Command, InvalidArgumentError, Option } from 'commander'
import { SINKS, type SinkName } from './sinks/names.ts'
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
  /** Torture connectors to these sinks instead. */
  sinks?: readonly SinkName[]
  /** Events for each of them. */
  events: number
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
    .option('--sinks <names>', `connectors instead, to these of ${SINKS.join(',')}, or all`, sinkNames)
    .option('--events <n>', 'for each of the sinks, within the time', whole, 100_000)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse([...argv], { from: 'user' })
  const { minutes, seconds, seed, ...rest } = program.opts()
  return {
    ...rest,
    seconds: seconds ?? (minutes === undefined ? 120 : minutes * 60),
    seed: seed ?? Math.floor(Math.random() * 2 ** 31),
  } as TortureOptions
}

function sinkNames(text: string): SinkName[] {
  if (text === 'all') return [...SINKS]
  const names = text.split(',') as SinkName[]
  for (const name of names)
    if (!SINKS.includes(name)) throw new InvalidArgumentError(`There is no sink ${name}.`)
  return names
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
