import { InvalidArgumentError, type Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { byOperator, examples, jsonOption, onRedis } from '../flags.ts'
import { parsePositive } from '../parse.ts'

export function addBackupCommands(program: Command, context: CommandContext): void {
  addBackup(program, context)
  addRestore(program, context)
}

function addBackup(program: Command, { io }: CommandContext): void {
  const backup = program
    .command('backup')
    .description(
      'write streams to one file: entries, groups, what is pending, dead letters, what is scheduled',
    )
    .argument('[streams...]', 'the streams (default: all, but those that Millrace keeps for itself)')
    .option('--to <file>', 'the file, which must be said; it appears when it is complete')
    .option('--match <pattern>', 'the streams by a pattern of their names, with * for any text')
    .option('--force', 'overwrite a file that is there, once the new one is complete')
    .option('--verify', 'read the file again when it is written, and check every byte')
    .option('--rate <count>', 'how many entries in a second (default: as many as it can)', parsePositive)
    .addOption(jsonOption('the job when it is done'))
  onRedis(byOperator(backup))
    .addHelpText(
      'after',
      examples(
        'millrace backup --to nightly.millrace --verify',
        'millrace backup user:events orders --to two.millrace',
        `millrace backup --match 'user:*' --to users.millrace --rate 20000`,
        'millrace backup inspect nightly.millrace',
      ),
    )
    .action(async (streams, flags) => (await import('./backup.ts')).backupCommand(io, streams, flags))

  backup
    .command('inspect')
    .description('check every byte of a backup, and list what is in it; needs no Redis')
    .argument('<file>')
    .addOption(jsonOption('what is in it'))
    .addHelpText('after', examples('millrace backup inspect nightly.millrace'))
    // An option of this name is taken for the one of `backup`, wherever it stands.
    .action(async (file, _, command: Command) =>
      (await import('./inspect.ts')).backupInspectCommand(io, file, command.optsWithGlobals()),
    )
}

function addRestore(program: Command, { io }: CommandContext): void {
  const restore = program
    .command('restore')
    .description('bring streams back from a backup; refuses to overwrite anything')
    .argument('<file>', 'as backup wrote it')
    .option('--stream <names...>', 'only these streams of the backup')
    .option('--rename <from=to...>', 'bring a stream back under another name', parseRename)
    .option('--prefix <text>', 'put this before the names of all streams')
    .option('--rate <count>', 'how many entries in a second (default: as many as it can)', parsePositive)
    .option('--dry-run', 'change nothing; check the file, and whether anything is in the way')
    .addOption(jsonOption('the job when it is done, or the preview of a dry run'))
  onRedis(byOperator(restore))
    .addHelpText(
      'after',
      examples(
        'millrace restore nightly.millrace --dry-run',
        'millrace restore nightly.millrace --stream user:events --stream orders',
        'millrace restore nightly.millrace --rename user:events=user:events:before',
        'millrace restore nightly.millrace --prefix restored:',
      ),
    )
    .action(async (file, flags) => (await import('./restore.ts')).restoreCommand(io, file, flags))
}

function parseRename(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  const [from, to] = [text.slice(0, at), text.slice(at + 1)]
  if (at < 1 || to === '')
    throw new InvalidArgumentError('It is two names, such as user:events=user:events:before.')
  if (Object.hasOwn(before, from)) throw new InvalidArgumentError(`"${from}" is renamed twice.`)
  return { ...before, [from]: to }
}
