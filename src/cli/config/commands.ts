import type { Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { examples, jsonOption, onRedis } from '../flags.ts'

export function addConfigCommands(program: Command, { io }: CommandContext): void {
  const config = program.command('config').description('show the configuration, or begin one')
  const print = config
    .command('print')
    .description('show every variable as `serve` would get it, secrets masked, and where it comes from')
    .option('--app <file>', 'the app module, as for serve')
    .option('--port <number>', 'the port, as for serve')
    .addOption(jsonOption('an array of variables'))
  onRedis(print)
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
