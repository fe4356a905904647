import type { Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { examples, onRedis } from '../flags.ts'

export function addServeCommand(program: Command, { io, setExitCode }: CommandContext): void {
  const serve = program
    .command('serve')
    .description('run the service: HTTP API, workers, audit trail')
    .option('--app <file>', 'the app module to run (default: APP)')
    .option('--port <number>', 'the port of the HTTP API (default: SERVICE_PORT, else 8000)')
  onRedis(serve)
    .addHelpText('after', examples('millrace serve', 'millrace serve --app ./app.js --port 8080'))
    .action(async (flags) => setExitCode(await (await import('./serve.ts')).serveCommand(io, flags)))
}
