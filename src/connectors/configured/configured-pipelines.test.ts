import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { z } from 'zod'
import { failureOf } from '../../../test/support/until.ts'
import { InvalidError } from '../../core/errors.ts'
import type { Sink } from '../../core/sink.ts'
import type { Source } from '../../core/source.ts'
import type { PipelineDeclaration } from '../pipeline.ts'
import { SINK_TYPES } from '../sink-types.ts'
import { configuredPipelines, readPipelineFile } from './configured-pipelines.ts'
import { made, type Made } from './words.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-pipelines-'))
afterAll(() => rmSync(folder, { recursive: true }))
const fileWith = (text: string) => {
  const path = join(folder, `${Math.random()}.json`)
  writeFileSync(path, text)
  return path
}

interface Kept extends Sink {
  options: object
}

/** A sink that keeps its options; that with the place "nowhere" is refused by its factory. */
const kept: Made<Sink> = ({ secret }) =>
  made({ place: z.string(), token: secret.exactOptional() }, (options): Kept => {
    if (options.place === 'nowhere')
      throw new InvalidError('CONFIGURATION_INVALID', 'no', [{ path: 'place', message: 'must be somewhere' }])
    return { options, connect: async () => {}, write: async () => {}, close: async () => {} }
  })
const lines: Made<Source> = () => made({ path: z.string() }, () => ({ async *read() {} }))

const options = {
  env: { TOKEN: 'from the environment', EMPTY: '' },
  sinks: { ...SINK_TYPES, kept },
  sources: { lines },
}
const read = (...pipelines: unknown[]) => configuredPipelines(pipelines, options)
const issuesOf = async (...pipelines: unknown[]) =>
  ((await failureOf(() => read(...pipelines))) as InvalidError).issues.map(
    ({ path, message }) => `${path}: ${message}`,
  )
const optionsOf = (one: PipelineDeclaration) => (one as unknown as { to: Kept }).to.options

test('a pipeline has what the file says, in the words of `pipeline`', () => {
  const [one] = read({
    name: 'archive',
    from: ['user:events', 'orders'],
    group: 'keepers',
    batch: { size: 500, waitMs: 200 },
    concurrency: 2,
    retry: { attempts: 3 },
    start: '$',
    order: 'key',
    to: { type: 'kept', place: 'here' },
  })
  expect(one).toMatchObject({
    name: 'archive',
    kind: 'sink',
    streams: ['user:events', 'orders'],
    group: 'keepers',
    batch: { size: 500, waitMs: 200 },
    concurrency: 2,
    retry: { attempts: 3 },
    start: '$',
    order: 'key',
  })
  expect(optionsOf(one!)).toEqual({ place: 'here' })
})

test('a source leads into a stream', () => {
  const [one] = read({ name: 'intake', from: { type: 'lines', path: 'a.jsonl' }, to: 'orders' })
  expect(one).toMatchObject({ name: 'intake', kind: 'source', stream: 'orders' })
})

test('a secret is a text, or where one is to be found', () => {
  const path = fileWith('from a file\n')
  const tokens = ['plain', { env: 'TOKEN' }, { file: path }].map((token, index) => ({
    name: `p${index}`,
    from: 'a',
    to: { type: 'kept', place: 'here', token },
  }))
  const found = read(...tokens).map((one) => (optionsOf(one) as { token: string }).token)
  expect(found).toEqual(['plain', 'from the environment', 'from a file'])
})

test('every mistake is told at once, with its place', async () => {
  const to = { type: 'kept', place: 'here' }
  expect(
    await issuesOf(
      { name: '', from: 'a', to },
      { name: 'b', from: 'a', to: { type: 'kept' } },
      { name: 'c', from: 'a', too: 1, to: { type: 'nothing' } },
      { name: 'd', from: 'a', batch: { size: 0 }, to: { type: 'kept', place: 'nowhere' } },
      { name: 'e', from: 'a', to: { type: 'kept', place: 'here', token: { env: 'EMPTY' } } },
      { name: 'f', from: 'a', to: { type: 'kept', place: 'here', token: { file: '/no/such/file' } } },
      { name: 'g', from: { type: 'lines' }, to: 'a' },
      { name: 'h', from: { type: 'lines', path: 'x' }, group: 'g', to: 'a' },
      { name: 'i', from: 'a', to: { type: 'route', routes: { 'user.>': { type: 'kept', place: 1 } } } },
      { name: 'j', from: 'a', to: { type: 'route', routes: { 'us*': to } } },
      { name: 'k', from: ['a', 'a'], to },
      { name: 'l', from: [], to },
      { name: 'm', from: 1, to },
      7,
    ),
  ).toEqual([
    expect.stringMatching(/^pipelines\.0\.name: /),

    expect.stringMatching(/^pipelines\.1\.to\.place: /),
    expect.stringMatching(/^pipelines\.2\.to\.type: is no sink; .*stream, route.*kept/),
    expect.stringMatching(/^pipelines\.2: .*"too"/),
    expect.stringMatching(/^pipelines\.3\.batch\.size: /),
    'pipelines.3.to.place: must be somewhere',
    'pipelines.4.to.token: the variable EMPTY is not set',
    "pipelines.5.to.token: the file /no/such/file can't be read (ENOENT)",
    expect.stringMatching(/^pipelines\.6\.from\.path: /),
    expect.stringMatching(/^pipelines\.7: .*"group"/),
    expect.stringMatching(/^pipelines\.8\.to\.routes\.user\.>\.place: /),
    expect.stringMatching(/^pipelines\.9\.to: the pattern "us\*"/),
    'pipelines.10.from: names a stream twice',
    'pipelines.11.from: must name at least one stream',
    'pipelines.12.from: must be a stream, a list of streams, or a source',
    expect.stringMatching(/^pipelines\.13: /),
  ])
})

test('no message holds a secret', async () => {
  const secret = 'hunter2hunter2'
  const told = await issuesOf(
    { name: 'a', from: 'a', to: { type: 'kept', place: 'nowhere', token: secret } },
    { name: 'b', from: 'a', to: { type: 'kept', place: 'here', token: { evn: secret } } },
    { name: 'c', from: 'a', to: { type: 'stream', stream: '', redis: { url: secret } } },
  )
  expect(told).toHaveLength(3)
  expect(told.join()).not.toContain(secret)
})

test.each([
  ['no JSON', () => readPipelineFile(fileWith('[{'), options)],
  ['no list', () => readPipelineFile(fileWith('{"name":"a"}'), options)],
  ['no file', () => readPipelineFile(join(folder, 'missing.json'), options)],
])('%s is a mistake that names the file', async (_, work) => {
  const error = await failureOf(work)
  expect(error).toMatchObject({ code: 'CONFIGURATION_INVALID', message: expect.stringContaining(folder) })
})

test('a file with nothing in it declares nothing', () => {
  expect(readPipelineFile(fileWith('[]'), options)).toEqual([])
})

test('the example of docs/connectors.md is right', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/connectors.md'), 'utf8')
  const [, example = ''] = /```json\n(.*?)```/s.exec(page)!
  const secret = fileWith('a secret of more than 24 bytes')
  const [one] = configuredPipelines(JSON.parse(example.replace('/run/secrets/webhook', secret)), { env: {} })
  expect(one).toMatchObject({ name: 'orders-abroad', streams: ['orders', 'returns'] })
})
