import { expect, test } from 'vitest'
import * as connectors from '../index.ts'
import { SINK_TYPES } from '../sink-types.ts'
import { SOURCE_TYPES } from '../source-types.ts'
import { configuredPipelines } from './configured-pipelines.ts'

/** `eventHubsSink` is the type `event-hubs`. */
const typesOf = (ending: string) =>
  Object.keys(connectors)
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length).replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`))

test('every sink and source that a program can make, a file can name', () => {
  expect(Object.keys(SINK_TYPES)).toEqual(expect.arrayContaining(typesOf('Sink')))
  expect(Object.keys(SOURCE_TYPES)).toEqual(expect.arrayContaining(typesOf('Source')))
})

const env = {
  KEY: 'Endpoint=sb://h.example/;SharedAccessKeyName=a;SharedAccessKey=b',
  SECRET: 'x'.repeat(32),
}
const TO: Record<string, object> = {
  file: { directory: './output', format: 'jsonl', gzip: true, maxSegmentBytes: 1_000_000 },
  'event-hubs': { connectionString: { env: 'KEY' }, eventHub: 'telemetry' },
  postgres: {
    url: 'postgres://app@warehouse/facts',
    table: 'facts.telemetry',
    columns: { id: 'id', device: 'data.deviceId', tenant: 'headers.tenant' },
    key: ['id'],
  },
  webhook: {
    url: 'https://example.com/events',
    secret: [{ env: 'SECRET' }],
    headers: { authorization: { env: 'SECRET' } },
    mode: 'single',
    allowPrivate: ['10.0.0.0/8'],
  },
  stream: { stream: 'copies', redis: { url: 'redis://other:6379' } },
  route: {
    routes: { 'user.>': { type: 'file', directory: './users' }, '>': { type: 'stream', stream: 'rest' } },
  },
}
const FROM: Record<string, object> = {
  file: {
    path: './in/*.csv',
    format: 'csv',
    eventType: { field: 'kind' },
    key: 'device',
    follow: true,
    csv: { delimiter: ';' },
  },
}

test.each(Object.keys(SINK_TYPES))('the sink %s has the options of its factory', (type) => {
  expect(TO).toHaveProperty([type])
  const to = { type, ...TO[type] }
  expect(configuredPipelines([{ name: 'p', from: 'a', to }], { env })).toMatchObject([{ kind: 'sink' }])
})

test.each(Object.keys(SOURCE_TYPES))('the source %s has the options of its factory', (type) => {
  expect(FROM).toHaveProperty([type])
  const from = { type, ...FROM[type] }
  expect(configuredPipelines([{ name: 'p', from, to: 'a' }], { env })).toMatchObject([{ kind: 'source' }])
})

test.each<[string, unknown]>([
  ['to.secret.0', { env: 'NOWHERE' }],
  ['to.secret.1', [{ env: 'SECRET' }, { env: 'NOWHERE' }]],
])('a secret of a webhook that is not there is told by its place: %s', (place, secret) => {
  const to = { type: 'webhook', url: 'https://example.com/events', secret }
  expect(() => configuredPipelines([{ name: 'p', from: 'a', to }], { env })).toThrow(
    expect.objectContaining({
      issues: [{ path: `pipelines.0.${place}`, message: 'the variable NOWHERE is not set' }],
    }),
  )
})
