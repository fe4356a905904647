import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { failureOf } from '../../../test/support/until.ts'
import { defineApp, type App } from '../../app/app.ts'
import { loadConfig } from '../../config/config.ts'
import { pipeline } from '../../connectors/pipeline.ts'
import type { InvalidError } from '../../core/errors.ts'
import type { Sink } from '../../core/sink.ts'
import { servicePipelines } from './pipelines.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-service-pipelines-'))
afterAll(() => rmSync(folder, { recursive: true }))

const to: Sink = { connect: async () => {}, write: async () => {}, close: async () => {} }
const fileWith = (content: unknown) => {
  const path = join(folder, `${Math.random()}.json`)
  writeFileSync(path, JSON.stringify(content))
  return path
}
const toFile = (name: string, more: object = {}) => ({
  name,
  from: 'orders',
  to: { type: 'file', directory: folder },
  ...more,
})

const of = (env: NodeJS.ProcessEnv, app: Partial<App> = {}) =>
  servicePipelines({
    app: defineApp(app),
    config: loadConfig({ ROLES: 'connector', ...env }, { cwd: folder, version: '1.0.0' }),
    env: {},
  })
const issuesOf = async (env: NodeJS.ProcessEnv, app: Partial<App> = {}) =>
  ((await failureOf(() => of(env, app))) as InvalidError).issues.map(
    ({ path, message }) => `${path}: ${message}`,
  )

test('those of the app, of the file and of the variables run beside each other', () => {
  const env = { PIPELINES: fileWith([toFile('second')]), OUTPUT_ADAPTER_TYPE: 'LOCAL_FILE', STREAM_KEY: 'a' }
  const all = of(env, { pipelines: [pipeline('first', { from: 'orders', to })] })
  expect(all.map(({ name }) => name)).toEqual(['first', 'second', 'output'])
  expect(all[2]).toMatchObject({ streams: ['a'], group: 'eventhub-connector-group' })
})

test('they consume as the configuration says, where they say nothing themselves', () => {
  const env = {
    BATCH_SIZE: '7',
    POLL_TIMEOUT_MS: '11',
    RETRY_DELAY_MS: '22',
    PENDING_MESSAGE_CLAIM_INTERVAL_MS: '33',
    PENDING_MESSAGE_MIN_IDLE_MS: '44',
    HANDLER_ATTEMPTS: '3',
  }
  const own = { batch: { size: 5, waitMs: 1 }, retryDelayMs: 9, retry: { delayMs: 8 } }
  const [one, two] = of(env, {
    pipelines: [pipeline('one', { from: 'a', to }), pipeline('two', { from: 'a', to, ...own })],
  })
  const reading = { pollMs: 11, maxFaultDelayMs: 22, claimIntervalMs: 33, minIdleMs: 44 }
  expect(one).toMatchObject({
    ...reading,
    batch: { size: 7 },
    retryDelayMs: 22,
    retry: { attempts: 3, delayMs: 1_000 },
  })
  expect(two).toMatchObject({ ...reading, ...own, retry: { attempts: 3, delayMs: 8 } })
})

test('without the role those of the app are known, and the file is not even looked at', () => {
  const pipelines = [pipeline('first', { from: 'orders', to })]
  const all = of({ ROLES: 'api,worker', PIPELINES: '/no/such/file' }, { pipelines })
  expect(all.map(({ name }) => name)).toEqual(['first'])
})

test('two of one name, and two that would share a group, are refused together', async () => {
  const env = {
    PIPELINES: fileWith([toFile('archive'), toFile('output')]),
    OUTPUT_ADAPTER_TYPE: 'LOCAL_FILE',
  }
  const handlers = [{ stream: 'orders', options: { group: 'output' }, bind: () => ({ handler: () => {} }) }]
  const told = await issuesOf(env, {
    handlers,
    pipelines: [pipeline('archive', { from: ['x', 'orders'], to })],
  })
  expect(told).toEqual([
    expect.stringMatching(/^pipelines: there are two of the name "archive"/),
    expect.stringMatching(/^pipelines: there are two of the name "output"/),
    expect.stringMatching(
      /"archive" reads "orders" through the group "archive", as does the pipeline "archive"/,
    ),
    expect.stringMatching(/"output" reads "orders" through the group "output", as does a group of the app/),
  ])
})

const KEY = 'SharedAccessKeyName=a;SharedAccessKey=hunter2'
test.each<[string, NodeJS.ProcessEnv, RegExp[]]>([
  ['nothing of an event hub', {}, [/^OUTPUT_ADAPTER_TYPE: /, /^EVENT_HUB_NAME: /]],
  [
    'an emulator elsewhere',
    {
      EVENT_HUB_CONNECTION_STRING: `Endpoint=sb://emulator.example;${KEY};UseDevelopmentEmulator=true`,
      EVENT_HUB_NAME: 'hub',
    },
    [/^EVENT_HUB_CONNECTION_STRING: .*UseDevelopmentEmulator/],
  ],
  [
    'a namespace that is none',
    { EVENT_HUB_NAMESPACE: 'https://x', EVENT_HUB_NAME: 'hub' },
    [/^EVENT_HUB_NAMESPACE: /],
  ],
])('%s is a mistake of its variable', async (_, env, wanted) => {
  const told = await issuesOf({ OUTPUT_ADAPTER_TYPE: 'EVENT_HUBS', ...env })
  expect(told).toEqual(wanted.map((one) => expect.stringMatching(one)))
  expect(told.join()).not.toContain('hunter2')
})

test('an emulator of this host, and a namespace, are taken', () => {
  const local = `Endpoint=sb://localhost:5673;${KEY};UseDevelopmentEmulator=true;EntityPath=hub`
  for (const place of [
    { EVENT_HUB_CONNECTION_STRING: local },
    { EVENT_HUB_NAMESPACE: 'example.servicebus.windows.net', EVENT_HUB_NAME: 'hub' },
  ])
    expect(of({ OUTPUT_ADAPTER_TYPE: 'EVENT_HUBS', ...place })).toHaveLength(1)
})

test('what is wrong with the file and with the variables is told together', async () => {
  const env = {
    PIPELINES: fileWith([toFile('a', { to: { type: 'file' } })]),
    OUTPUT_ADAPTER_TYPE: 'EVENT_HUBS',
  }
  const told = await issuesOf(env)
  expect(told[0]).toMatch(/^pipelines\.0\.to\.directory: /)
  expect(told.at(-1)).toMatch(/^EVENT_HUB_NAME: /)
})
