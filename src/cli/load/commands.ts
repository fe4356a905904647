import { Option, type Command } from 'commander'
import type { CommandContext } from '../context.ts'
import { examples, jsonOption, onRedis } from '../flags.ts'
import { parseDuration, parsePositive } from '../parse.ts'
import { parseErrors, parseHeader, parseRate, parseStatuses } from './parse.ts'

const PLACEHOLDERS = 'with {{n}}, {{uuid}}, {{now}}, {{random 1 100}}, {{pick a b}}; or @file'

export function addLoadCommands(program: Command, context: CommandContext): void {
  const load = program
    .command('load')
    .description('put a route, a stream or request/reply under load, and measure')
  addHttp(load, context)
  addStream(load, context)
  addRpc(load, context)
}

/** What all of them take. */
const loadOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--count <count>', 'measure so many requests')
        .argParser(parsePositive)
        .conflicts('duration'),
    )
    .option('--duration <time>', 'begin requests for so long (default: 10s)', parseDuration)
    .option(
      '--concurrency <count>',
      'how many may be under way (default: 10, with a rate 100)',
      parsePositive,
    )
    .option(
      '--rate <count>',
      'begin so many a second, by a schedule (default: each follows an answer)',
      parseRate,
    )
    .option('--ramp-up <time>', 'grow to the full load in so long', parseDuration)
    .option('--warm-up <time>', 'send for so long before measuring', parseDuration)
    .addOption(
      new Option('--timeout <time>', 'how long an answer may take')
        .argParser(parseDuration)
        .default(10_000, '10s'),
    )
    .option('--max-p50 <time>', 'fail when half of all take longer', parseDuration)
    .option('--max-p95 <time>', 'fail when 5 % take longer', parseDuration)
    .option('--max-p99 <time>', 'fail when 1 % take longer', parseDuration)
    .option('--max-errors <count>', 'fail when more requests fail, such as 5 or 1% (default: 0)', parseErrors)
    .option('--min-rate <count>', 'fail when there are fewer wanted answers a second', parseRate)
    .addOption(jsonOption('the report'))

function addHttp(load: Command, context: CommandContext): void {
  const http = load
    .command('http')
    .description('requests to a route, over connections that are kept alive')
    .argument('<url>', 'what is behind the host may be a template')
    .option('--method <method>', 'such as PUT (default: GET, with a body POST)')
    .option(
      '--header <header>',
      'such as "idempotency-key: {{uuid}}"; may be given several times',
      parseHeader,
    )
    .option('--body <template>', `the body, ${PLACEHOLDERS}`)
    .option('--expect <statuses>', 'the statuses that count as success (default: 200 to 299)', parseStatuses)
    .option('--no-health-check', "don't ask /health/ready first")
  loadOptions(http)
    .addHelpText(
      'after',
      examples(
        'millrace load http http://localhost:8000/api/users --concurrency 50 --duration 30s --max-p95 100ms',
        `millrace load http http://localhost:8000/api/events/chat --rate 500/s --body '{"senderId":"{{n}}","receiverId":"2","content":"hi"}'`,
      ),
    )
    .action(async (url, flags) => (await import('./http.ts')).loadHttpCommand(context, url, flags))
}

function addStream(load: Command, context: CommandContext): void {
  const stream = load
    .command('stream')
    .description('publish events one by one; they stay in the stream')
    .argument('<stream>', 'the stream to publish to; it is created if need be')
    .requiredOption('--type <type>', 'the type of the events')
    .requiredOption('--data <template>', `the data as JSON, ${PLACEHOLDERS}`)
  onRedis(loadOptions(stream))
    .addHelpText(
      'after',
      examples(
        `millrace load stream user:events --type user.created --data '{"userId":"{{uuid}}"}' --count 10000`,
      ),
    )
    .action(async (name, flags) => (await import('./stream.ts')).loadStreamCommand(context, name, flags))
}

function addRpc(load: Command, context: CommandContext): void {
  const rpc = load
    .command('rpc')
    .description('requests with the fields requestId and data, answered on a shared reply stream')
    .argument('<stream>', 'the stream of the requests')
    .requiredOption('--data <template>', `the data as JSON, ${PLACEHOLDERS}`)
    .option(
      '--replies <stream>',
      'the stream of the replies (default: for weather-requests weather-responses)',
    )
  onRedis(loadOptions(rpc))
    .addHelpText(
      'after',
      examples(
        `millrace load rpc weather-requests --data '{"city":"{{pick "New York" Seattle}}"}' --rate 200/s --max-p99 50ms`,
      ),
    )
    .action(async (name, flags) => (await import('./rpc.ts')).loadRpcCommand(context, name, flags))
}
