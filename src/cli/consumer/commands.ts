import { Option, type Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { byOperator, deadAfterOption, destructive, examples, jsonOption, onRedis } from '../flags.ts'
import { parsePendingPositions } from '../parse.ts'

export function addConsumerCommands(program: Command, context: CommandContext): void {
  const consumer = program
    .command('consumer')
    .description('look at the consumers of a group, and take from them what they hold')
  addList(consumer, context)
  addClaim(consumer, context)
  addRelease(consumer, context)
  addRemove(consumer, context)
}

const ofGroup = (command: Command): Command =>
  command.argument('<stream>', 'the stream of the group').argument('<group>', 'the group')

const positionOption = (): Option =>
  new Option('--position <positions...>', 'these entries alone, by their positions').argParser(
    parsePendingPositions,
  )

const dryRunAndForce = (command: Command): Command =>
  command
    .option('--dry-run', 'change nothing, and say what would be done')
    .option('--force', 'also from a consumer that lives; it aborts what it runs')
    .addOption(deadAfterOption())

function addList(consumer: Command, { io }: CommandContext): void {
  const list = ofGroup(consumer.command('ls').description('list the consumers of a group'))
    .addOption(deadAfterOption())
    .addOption(jsonOption('an array of consumers'))
  onRedis(list)
    .addHelpText('after', examples('millrace consumer ls user:events mailer'))
    .action(async (stream, group, flags) =>
      (await import('./list.ts')).consumerListCommand(io, stream, group, flags),
    )
}

function addClaim(consumer: Command, { io }: CommandContext): void {
  const claim = ofGroup(
    consumer
      .command('claim')
      .description('hand pending entries to another consumer, for groups of other software than Millrace'),
  )
    .option('--from <consumer>', 'all that this consumer holds')
    .addOption(positionOption().conflicts('from'))
    .requiredOption('--to <consumer>', 'who gets them; it has to be there')
    .addOption(jsonOption('an object with `done`, `missing` and `trimmed`'))
  onRedis(byOperator(dryRunAndForce(claim)))
    .addHelpText(
      'after',
      examples(
        'millrace consumer claim orders billing --from worker-1 --to worker-2',
        'millrace consumer claim orders billing --position 1700000000000-0 1700000000000-1 --to worker-2',
      ),
    )
    .action(async (stream, group, flags) =>
      (await import('./hand-over.ts')).consumerClaimCommand(io, stream, group, flags),
    )
}

function addRelease(consumer: Command, { io }: CommandContext): void {
  const release = ofGroup(
    consumer
      .command('release')
      .description(
        'give pending entries back to their group, for groups of Millrace: any member runs them next',
      ),
  )
    .argument('[consumer]', 'all that this consumer holds; ~retry for what waits for its retry')
    .addOption(positionOption())
    .addOption(jsonOption('an object with `done`, `missing` and `trimmed`'))
  onRedis(byOperator(dryRunAndForce(release)))
    .addHelpText(
      'after',
      examples(
        'millrace consumer release user:events mailer worker-1',
        'millrace consumer release user:events mailer --position 1700000000000-0',
      ),
    )
    .action(async (stream, group, name, flags) =>
      (await import('./hand-over.ts')).consumerReleaseCommand(io, stream, group, name, flags),
    )
}

function addRemove(consumer: Command, { io }: CommandContext): void {
  const remove = ofGroup(
    consumer.command('rm').description('remove a consumer that is dead and holds nothing'),
  )
    .argument('<consumer>', 'the consumer')
    .addOption(deadAfterOption())
    .addOption(jsonOption('an object with `removed`'))
  onRedis(destructive(remove, 'the name of the consumer'))
    .addHelpText('after', examples('millrace consumer rm user:events mailer worker-1 --yes worker-1'))
    .action(async (stream, group, name, flags) =>
      (await import('./remove.ts')).consumerRemoveCommand(io, stream, group, name, flags),
    )
}
