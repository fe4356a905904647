import { Option, type Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { examples, onRedis } from '../flags.ts'
import { parseDuration } from '../parse.ts'
import { SORTS } from './rows.ts'

export function addTopCommand(program: Command, { io }: CommandContext): void {
  const top = program
    .command('top')
    .description('watch the groups, those that are furthest behind first; q ends it')
    .argument('[streams...]', 'these streams alone (default: all)')
    .addOption(
      new Option('--interval <time>', 'how often to look').argParser(parseDuration).default(1_000, '1s'),
    )
    .addOption(new Option('--sort <by>', 'what to begin with').choices(SORTS).default('lag'))
    .option('--once', 'print what there is after one interval, and end; needs no terminal')
  onRedis(top)
    .addHelpText(
      'after',
      `${examples('millrace top', 'millrace top user:events --interval 5s', 'millrace top --once')}

Keys: l lag, p pending, i in, o out, n name; q or Ctrl-C ends it.`,
    )
    .action(async (streams, flags) => (await import('./top.ts')).topCommand(io, streams, flags))
}
