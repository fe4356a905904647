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
    .option('--app <file>', 'the app module to run')
    .option('--port <number>', 'the port of the HTTP API (default: SERVICE_PORT, else 8000)')
    .addOption(redisOption())
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
    .addHelpText('after', examples('millrace doctor', 'millrace doctor --redis redis://cache:6379 --json'))
    .action(async (flags) => setExitCode(await (await import('./doctor.ts')).doctorCommand(io, flags)))

  return program
}

const examples = (...lines: string[]): string => `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`
