import { Option, type Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { deadAfterOption, destructive, examples, jsonOption, onRedis } from '../flags.ts'
import { parseDuration, parsePendingPositions, parsePositive } from '../parse.ts'

export function addPendingCommands(program: Command, context: CommandContext): void {
  const pending = program
    .command('pending')
    .description('look at what groups were given and have not acknowledged, and settle it by hand')
  addList(pending, context)
  addAcknowledge(pending, context)
}

function addList(pending: Command, { io }: CommandContext): void {
  const list = pending
    .command('ls')
    .description('list the pending entries of a group, in the order of their positions')
    .argument('<stream>', 'the stream of the group')
    .argument('<group>', 'the group')
    .option('--consumer <name>', 'only what this consumer holds; ~retry for what waits for its retry')
    .addOption(
      new Option('--min-idle <time>', 'only what nobody touched for so long, such as 5m').argParser(
        parseDuration,
      ),
    )
    .addOption(new Option('--limit <count>', 'how many at most').argParser(parsePositive).default(100))
    .option('--after <next>', 'go on where the page before ended')
    .addOption(jsonOption('an object with `entries`, and `next` where there are more'))
  onRedis(list)
    .addHelpText(
      'after',
      examples(
        'millrace pending ls user:events mailer',
        'millrace pending ls user:events mailer --min-idle 5m --json',
      ),
    )
    .action(async (stream, group, flags) =>
      (await import('./list.ts')).pendingListCommand(io, stream, group, flags),
    )
}

function addAcknowledge(pending: Command, { io }: CommandContext): void {
  const acknowledge = pending
    .command('ack')
    .description('count pending entries as done though nobody ran them')
    .argument('<stream>', 'the stream of the group')
    .argument('<group>', 'the group')
    .argument('<position...>', 'the entries, by their positions', parsePendingPositions)
    .option('--force', 'also what a consumer holds that lives; it aborts what it runs')
    .addOption(deadAfterOption())
    .addOption(jsonOption('an object with `done`, `missing` and `trimmed`'))
  onRedis(destructive(acknowledge, 'the name of the group'))
    .addHelpText(
      'after',
      examples(
        'millrace pending ack user:events mailer 1700000000000-0 --dry-run',
        `millrace pending ack user:events mailer 1700000000000-0 --yes mailer --reason 'sent by hand'`,
      ),
    )
    .action(async (stream, group, positions, flags) =>
      (await import('./acknowledge.ts')).pendingAcknowledgeCommand(io, stream, group, positions, flags),
    )
}
