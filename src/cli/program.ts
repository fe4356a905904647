import { Command, CommanderError, Option } from 'commander'
import { EXIT, exitCodeOf, renderError, type ExitCode } from './exit.ts'
import { say, type Io } from './io.ts'
import { VERSION } from './package-info.ts'

/** Runs one command line and answers its exit code; commands are loaded when they are asked for. */
export async function run(io: Io, args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok
  const program = createProgram(io, (code) => (exitCode = code))
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    // Commander has said what is wrong with the words; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    say(io, renderError(error))
    return exitCodeOf(error)
  }
}

const redisOption = () =>
  new Option('--redis <url>', 'the Redis to use (default: REDIS_URL, else the embedded one)')

const configOption = () =>
  new Option(
    '--config <file>',
    'the configuration file (default: millrace.config.js, .json or .ts, where there is one)',
  )

export function createProgram(io: Io, setExitCode: (code: ExitCode) => void): Command {
  const program = new Command('millrace')
    .description('Turns the Redis that you already run into an event platform.')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(add --help for all options and examples)')
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })

  program
    .command('serve')
    .description('run the service: HTTP API, workers, audit trail')
    .option('--app <file>', 'the app module to run (default: APP)')
    .option('--port <number>', 'the port of the HTTP API (default: SERVICE_PORT, else 8000)')
    .addOption(redisOption())
    .addOption(configOption())
    .addHelpText('after', examples('millrace serve', 'millrace serve --app ./app.js --port 8080'))
    .action(async (flags) => setExitCode(await (await import('./serve.ts')).serveCommand(io, flags)))

  program
    .command('publish')
    .description('publish one event, or one for each item of a file')
    .argument('<stream>', 'the stream to publish to; it is created if need be')
    .requiredOption('--type <type>', 'the type of the events, such as user.created')
    .option('--data <json>', 'the data of a single event')
    .option(
      '--from <file>',
      'a JSON file, JSON lines (.jsonl, .ndjson), or - for JSON lines on standard input',
    )
    .option('--items <path>', 'where in the JSON file the list is, such as features')
    .option('--key <path>', 'where in each item its key is; events of one key keep their order')
    .option('--idempotency-key <path>', 'where in each item is what makes publishing it twice write it once')
    .option('--json', 'print the result as JSON')
    .addOption(redisOption())
    .addOption(configOption())
    .addHelpText(
      'after',
      examples(
        `millrace publish user:events --type user.created --data '{"userId":"1"}'`,
        'millrace publish quakes --type quake.reported --from quakes.json --items features --key properties.net',
        'cat events.ndjson | millrace publish logs --type line.read --from -',
      ),
    )
    .action(async (stream, flags) => (await import('./publish.ts')).publishCommand(io, stream, flags))

  program
    .command('tail')
    .description('show the events of a stream as they come, without a group')
    .argument('<stream>', 'the stream to read')
    .option('--from <position>', '0 for everything, $ for what comes from now on, or a position', '$')
    .option('--no-follow', 'end at the end of the stream')
    .option('--limit <count>', 'end after so many events')
    .option('--json', 'print an object a line')
    .addOption(redisOption())
    .addOption(configOption())
    .addHelpText(
      'after',
      examples('millrace tail user:events', 'millrace tail user:events --from 0 --no-follow --json'),
    )
    .action(async (stream, flags) => (await import('./tail.ts')).tailCommand(io, stream, flags))

  program
    .command('doctor')
    .description('check this machine and what the configuration names, and say what to do')
    .option('--json', 'print the checks as JSON')
    .addOption(redisOption())
    .addOption(configOption())
    .addHelpText('after', examples('millrace doctor', 'millrace doctor --redis redis://cache:6379 --json'))
    .action(async (flags) => setExitCode(await (await import('./doctor.ts')).doctorCommand(io, flags)))

  addConfigCommands(program, io)
  addKeyCommands(program, io)
  return program
}

function addConfigCommands(program: Command, io: Io): void {
  const config = program.command('config').description('show the configuration, or begin one')
  config
    .command('print')
    .description('show every variable as `serve` would get it, secrets masked, and where it comes from')
    .option('--app <file>', 'the app module, as for serve')
    .option('--port <number>', 'the port, as for serve')
    .option('--json', 'print the variables as JSON')
    .addOption(redisOption())
    .addOption(configOption())
    .addHelpText(
      'after',
      examples('millrace config print', 'millrace config print --config prod.json --json'),
    )
    .action(async (flags) => (await import('./config.ts')).configPrintCommand(io, flags))
  config
    .command('example')
    .description('print a .env with every variable, all of them commented out')
    .addHelpText('after', examples('millrace config example > .env'))
    .action(async () => (await import('./config.ts')).configExampleCommand(io))
}

function addKeyCommands(program: Command, io: Io): void {
  program
    .command('key')
    .description('make keys for the API')
    .command('create')
    .description('make a key, print it once, and say what to add to API_KEYS')
    .requiredOption('--name <name>', 'who is to use it; it stands in logs')
    .requiredOption('--scopes <list>', 'what the key is for: read, publish, admin, with + between them')
    .option('--expires <date>', 'from when on it is refused: a date such as 2027-01-01, or a date-time')
    .option('--json', 'print the key and its item as JSON')
    .addHelpText(
      'after',
      examples('millrace key create --name ci --scopes publish+read --expires 2027-01-01'),
    )
    .action(async (flags) => (await import('./key.ts')).keyCreateCommand(io, flags))
}

const examples = (...lines: string[]): string => `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
