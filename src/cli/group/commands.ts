import { Option, type Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { byOperator, destructive, examples, jsonOption, onRedis } from '../flags.ts'

export function addGroupCommands(program: Command, context: CommandContext): void {
  const group = program
    .command('group')
    .description('look at consumer groups, make and end them, pause them, and set where they read on')
  addList(group, context)
  addInfo(group, context)
  addCreate(group, context)
  addReset(group, context)
  addPause(group, context)
  addResume(group, context)
  addDelete(group, context)
}

const ofGroup = (command: Command): Command =>
  command.argument('<stream>', 'the stream of the group').argument('<group>', 'the group')

function addList(group: Command, { io }: CommandContext): void {
  const list = group
    .command('ls')
    .description('list the groups of a stream')
    .argument('<stream>', 'the stream')
    .addOption(jsonOption('an array of groups'))
  onRedis(list)
    .addHelpText('after', examples('millrace group ls user:events'))
    .action(async (stream, flags) => (await import('./list.ts')).groupListCommand(io, stream, flags))
}

function addInfo(group: Command, { io }: CommandContext): void {
  const info = ofGroup(group.command('info').description('show a group, its consumers, and how it fares'))
  onRedis(info.addOption(jsonOption('an object, its consumers in it')))
    .addHelpText('after', examples('millrace group info user:events mailer'))
    .action(async (stream, name, flags) =>
      (await import('./info.ts')).groupInfoCommand(io, stream, name, flags),
    )
}

function addCreate(group: Command, { io }: CommandContext): void {
  const create = ofGroup(group.command('create').description('create a group on a stream that is there'))
    .option(
      '--start <place>',
      'start for all that is there, end for what comes from now on, or a position',
      'start',
    )
    .option('--create-stream', 'create the stream as well, empty, where there is none')
    .addOption(jsonOption('an object with `created`'))
  onRedis(byOperator(create))
    .addHelpText('after', examples('millrace group create user:events mailer --start end'))
    .action(async (stream, name, flags) =>
      (await import('./create.ts')).groupCreateCommand(io, stream, name, flags),
    )
}

function addReset(group: Command, { io }: CommandContext): void {
  const reset = ofGroup(group.command('reset').description('set where a group reads on'))
    .requiredOption(
      '--to <place>',
      'start, end, a position after which to read on, a time (ISO 8601), or how long ago, such as -2h',
    )
    .addOption(
      new Option('--pending <what>', 'what becomes of older entries that are pending')
        .choices(['keep', 'drop'])
        .default('keep'),
    )
    .option('--force', 'also while consumers live; they abort what they run')
    .addOption(jsonOption('an object with `from`, `to`, `dropped` and `kept`; of a dry run, the preview'))
  onRedis(destructive(reset, 'the name of the group'))
    .addHelpText(
      'after',
      examples(
        'millrace group reset user:events mailer --to 2027-01-31T06:00:00Z --dry-run',
        'millrace group reset user:events mailer --to end --pending drop --yes mailer',
      ),
    )
    .action(async (stream, name, flags) =>
      (await import('./reset.ts')).groupResetCommand(io, stream, name, flags),
    )
}

function addPause(group: Command, { io }: CommandContext): void {
  const pause = ofGroup(
    group.command('pause').description('hand nothing to the consumers of a group until it is resumed'),
  ).addOption(jsonOption('an object with `paused` and `changed`'))
  onRedis(byOperator(pause))
    .addHelpText(
      'after',
      examples(`millrace group pause user:events mailer --reason 'the mail server is down'`),
    )
    .action(async (stream, name, flags) =>
      (await import('./pause.ts')).groupPauseCommand(io, stream, name, flags),
    )
}

function addResume(group: Command, { io }: CommandContext): void {
  const resume = ofGroup(group.command('resume').description('end the pause of a group')).addOption(
    jsonOption('an object with `paused` and `changed`'),
  )
  onRedis(byOperator(resume))
    .addHelpText('after', examples('millrace group resume user:events mailer'))
    .action(async (stream, name, flags) =>
      (await import('./pause.ts')).groupResumeCommand(io, stream, name, flags),
    )
}

function addDelete(group: Command, { io }: CommandContext): void {
  const remove = ofGroup(
    group.command('delete').description('end a group, with its place and all that it holds'),
  )
    .option('--force', 'also while consumers live; they would create it again')
    .addOption(jsonOption('an object with `pending`, `behind` and `live`: what goes with it'))
  onRedis(destructive(remove, 'the name of the group'))
    .addHelpText(
      'after',
      examples(
        'millrace group delete user:events mailer --dry-run',
        'millrace group delete user:events mailer --yes mailer',
      ),
    )
    .action(async (stream, name, flags) =>
      (await import('./delete.ts')).groupDeleteCommand(io, stream, name, flags),
    )
}
