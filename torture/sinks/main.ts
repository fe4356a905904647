import { parseArgs } from 'node:util'
import { tortureSink, type SinkReport } from './run.ts'
import { SINKS, type SinkName } from './targets.ts'

/*
 * npm run torture:sinks [-- file postgres …] [--events 100000] [--seconds 40] [--seed 1] [--json]: kills connectors under
 * load, while their sinks fail one write in ten, and looks at what the sinks hold in the end.
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    events: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '40' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    json: { type: 'boolean', default: false },
  },
})
const options = { events: Number(values.events), seconds: Number(values.seconds), seed: Number(values.seed) }
const unknown = positionals.filter((name) => !(SINKS as readonly string[]).includes(name))
const wrong = Object.entries(options).filter(([, value]) => !(Number.isSafeInteger(value) && value > 0))
if (unknown.length > 0 || wrong.length > 0) {
  const faults = [
    ...unknown.map((name) => `there is no sink ${name}; there are: ${SINKS.join(', ')}`),
    ...wrong.map(([name]) => `--${name} must be a whole number from 1 on`),
  ]
  process.stderr.write(`${faults.join('\n')}\n`)
  process.exit(2)
}

const say = (line: string) => process.stderr.write(`${line}\n`)
say(`seed ${options.seed}; --seed ${options.seed} does the same again`)
const reports: SinkReport[] = []
for (const sink of positionals.length > 0 ? (positionals as SinkName[]) : SINKS) {
  const report = await tortureSink(sink, options, say)
  reports.push(report)
  if (!values.json) process.stdout.write(`${lineOf(report)}\n`)
}
if (values.json) process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`)
process.exitCode = reports.some(({ violations }) => violations.length > 0) ? 1 : 0

function lineOf({ sink, events, seconds, kills, repeats, violations }: SinkReport): string {
  const what = `${sink.padEnd(10)} ${events} events in ${seconds.toFixed(0)} s, ${kills} kills, ${repeats} repeats`
  return [what, ...violations.map((violation) => `  BROKEN: ${violation}`)].join('\n')
}
