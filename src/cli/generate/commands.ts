import { InvalidArgumentError, Option, type Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { examples, jsonOption, onRedis } from '../flags.ts'
import { parseRate } from '../load/parse.ts'
import { parseCount, parsePositive } from '../parse.ts'
import { KINDS } from './kind-names.ts'

const DEFAULT_RATE = 100
const DEFAULT_DEVICES = 10

export function addGenerateCommand(program: Command, context: CommandContext): void {
  const generate = program
    .command('generate')
    .description('publish test data at a rate, until there is enough of it or you end it')
    .option('--stream <stream>', 'the stream to publish to (default: STREAM_KEY, which the connector reads)')
    .addOption(
      new Option(
        '--kind <kind>',
        'what to publish; the last two are real data, from the beginning again and again',
      )
        .choices(KINDS)
        .default('telemetry'),
    )
    .addOption(
      new Option('--rate <count>', 'how many a second').argParser(parseRate).default(DEFAULT_RATE, '100/s'),
    )
    .option('--count <count>', 'how many in all (default: no end)', parsePositive)
    .addOption(
      new Option('--devices <count>', 'how many devices telemetry is of; each is the key of its events')
        .argParser(parsePositive)
        .default(DEFAULT_DEVICES),
    )
    .option('--seed <number>', 'the same seed gives the same data, times aside', parseCount)
    .addOption(
      new Option(
        '--bad <share>',
        'which part of all is bad, such as 5%: undecodable, oversize and misshapen ones in turn',
      )
        .argParser(parseShare)
        .default(0, 'none'),
    )
    .addOption(jsonOption('how many of what were published, the first and last position, the rate'))
  onRedis(generate)
    .addHelpText(
      'after',
      examples(
        'millrace generate --count 1000 --rate 200/s',
        'millrace generate --kind earthquakes --stream earthquakes --count 1707 --rate 1000/s',
        'millrace generate --bad 5% --seed 42',
      ),
    )
    .action(async (flags) => (await import('./generate.ts')).generateCommand(context, flags))
}

/** Such as `5%`, from 0 to 1. */
function parseShare(text: string): number {
  const [, percent] = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text) ?? []
  if (percent !== undefined && Number(percent) <= 100) return Number(percent) / 100
  throw new InvalidArgumentError('It is a share, such as 5%.')
}
