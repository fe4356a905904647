import type { Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { byOperator, destructive, examples, jsonOption, onRedis } from '../flags.ts'

export function addKeyCommands(program: Command, { io }: CommandContext): void {
  const noun = program.command('key').description('make keys for the API, look at them, and take them away')

  const create = noun
    .command('create')
    .description('make a key and print it once; say what to add to API_KEYS, or store it for all instances')
    .requiredOption('--name <name>', 'who is to use it; it stands in logs')
    .requiredOption('--scopes <list>', 'what the key is for: read, publish, admin, with + between them')
    .option('--expires <date>', 'from when on it is refused: a date such as 2027-01-01, or a date-time')
    .option('--store', 'keep it in Redis: all instances of the service accept it within a second')
    .addOption(jsonOption('the key and its item'))
  onRedis(byOperator(ofService(create)))
    .addHelpText(
      'after',
      examples(
        'millrace key create --name ci --scopes publish+read --expires 2027-01-01',
        'millrace key create --name ops --scopes admin --store --service orders',
      ),
    )
    .action(async (flags) =>
      flags.store
        ? (await import('./stored.ts')).keyStoreCommand(io, flags)
        : (await import('./key.ts')).keyCreateCommand(io, flags),
    )

  const ls = noun
    .command('ls')
    .description(
      'list the keys of a service: stored ones, and those of API_KEYS as it is set here; never a key itself',
    )
    .addOption(jsonOption('an array of keys'))
  onRedis(ofService(ls))
    .addHelpText('after', examples('millrace key ls', 'millrace key ls --service orders --json'))
    .action(async (flags) => (await import('./stored.ts')).keyListCommand(io, flags))

  const revoke = noun
    .command('revoke')
    .description('take a stored key away: no instance accepts it after a second')
    .argument('<name>', 'as key ls shows it')
    .addOption(jsonOption('the key that was taken away'))
  onRedis(destructive(ofService(revoke), 'the name of the key'))
    .addHelpText('after', examples(`millrace key revoke ci --yes ci --reason 'it was in a log'`))
    .action(async (name, flags) => (await import('./stored.ts')).keyRevokeCommand(io, name, flags))
}

const ofService = (command: Command): Command =>
  command.option('--service <name>', 'the service whose keys they are (default: SERVICE_NAME)')
