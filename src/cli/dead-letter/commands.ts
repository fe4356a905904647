import { Option, type Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { byOperator, destructive, examples, jsonOption, onRedis } from '../flags.ts'
import { parsePositive } from '../parse.ts'

export function addDeadLetterCommands(program: Command, { io, setExitCode }: CommandContext): void {
  const noun = program
    .command('dead-letter')
    .description('look at what groups gave up, mend it, and deliver it again')

  const ls = noun
    .command('ls')
    .description('list the dead letters of a stream, or the streams that have some')
    .argument('[stream]', 'without it, the streams that have dead letters, and how many')
    .option('--limit <count>', 'how many at most', parsePositive, 50)
    .option('--oldest', 'the oldest first, instead of the newest')
    .addOption(jsonOption('an array of dead letters, or of streams'))
  onRedis(filtered(ls))
    .addHelpText(
      'after',
      examples(
        'millrace dead-letter ls',
        'millrace dead-letter ls user:events --group mailer --error SMTP_DOWN --from -2h',
      ),
    )
    .action(async (stream, flags) => (await import('./list.ts')).deadLetterListCommand(io, stream, flags))

  const summary = noun
    .command('summary')
    .description('count the dead letters of a stream by group, error and type')
    .argument('<stream>')
    .addOption(jsonOption('the total and its counts'))
  onRedis(filtered(summary))
    .addHelpText('after', examples('millrace dead-letter summary user:events --from 2026-01-28'))
    .action(async (stream, flags) => (await import('./list.ts')).deadLetterSummaryCommand(io, stream, flags))

  const show = noun
    .command('show')
    .description('show a dead letter: the event, and why its group gave it up')
    .argument('<stream>')
    .argument('<id>', 'as dead-letter ls shows it')
    .addOption(jsonOption('the dead letter'))
  onRedis(show)
    .addHelpText('after', examples('millrace dead-letter show user:events 1769590800000-0'))
    .action(async (stream, id, flags) =>
      (await import('./show.ts')).deadLetterShowCommand(io, stream, id, flags),
    )

  addEdit(noun, io)
  addAct(noun, 'redrive', { io, setExitCode })
  addAct(noun, 'discard', { io, setExitCode })
}

function addEdit(noun: Command, io: CommandContext['io']): void {
  const edit = noun
    .command('edit')
    .description('change what will be redriven; how it came stays readable')
    .argument('<stream>')
    .argument('<id>', 'as dead-letter ls shows it')
    .option(
      '--data <json>',
      'the data of the event (without any of these three, your $VISUAL or $EDITOR opens on it)',
    )
    .option('--type <type>', 'the type of the event')
    .option('--original', 'take back all edits')
    .option('--dry-run', 'change nothing, and say what would be changed')
    .addOption(jsonOption('the dead letter as it is now, and what changed'))
  onRedis(byOperator(edit))
    .addHelpText(
      'after',
      examples(
        'millrace dead-letter edit user:events 1769590800000-0',
        `millrace dead-letter edit user:events 1769590800000-0 --data '{"email":"ada@example.com"}'`,
        'millrace dead-letter edit user:events 1769590800000-0 --original',
      ),
    )
    .action(async (stream, id, flags) =>
      (await import('./edit.ts')).deadLetterEditCommand(io, stream, id, flags),
    )
}

const ACTS = {
  redrive: 'deliver dead letters once more, to the group that gave them up',
  discard: 'delete dead letters for good',
} as const

function addAct(noun: Command, act: keyof typeof ACTS, { io, setExitCode }: CommandContext): void {
  const command = noun
    .command(act)
    .description(ACTS[act])
    .argument('<stream>')
    .argument('[ids...]', 'as dead-letter ls shows them; else all that the options select')
    .option('--all', 'all dead letters of the stream')
    .option('--rate <count>', 'how many in a second', parsePositive)
    .option('--detach', 'leave the work to a service that runs')
    .addOption(jsonOption('the job, its result in it, or the preview of a dry run'))
  const operated =
    act === 'discard'
      ? destructive(command, 'the name of the stream')
      : byOperator(command.option('--dry-run', 'change nothing, and say what would be done'))
  onRedis(filtered(operated))
    .addHelpText(
      'after',
      examples(
        `millrace dead-letter ${act} user:events 1769590800000-0 1769590800000-1`,
        `millrace dead-letter ${act} user:events --group mailer --error SMTP_DOWN --from -2h --dry-run`,
        `millrace dead-letter ${act} user:events --all --reason 'the mail server is back'`,
      ),
    )
    .action(async (stream, ids, flags) =>
      setExitCode(await (await import('./act.ts')).deadLetterActCommand(io, act, stream, ids, flags)),
    )
}

const filtered = (command: Command): Command =>
  command
    .option('--group <name>', 'only those of this group')
    .option('--type <type>', 'only those of this type of event')
    .option('--error <name>', 'only those with this error')
    .addOption(new Option('--from <time>', 'only those given up since: a time, or how long ago as in -2h'))
    .addOption(new Option('--to <time>', 'only those given up until then'))
