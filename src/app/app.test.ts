import { expect, test } from 'vitest'
import { z } from 'zod'
import { pipeline } from '../connectors/pipeline.ts'
import { stream } from '../core/stream.ts'
import { job } from '../schedule/job.ts'
import { counter } from '../telemetry/metrics/declare.ts'
import { responder } from '../rpc/declare-responder.ts'
import { rpc } from '../rpc/contract.ts'
import { defineApp, handle } from './app.ts'

const users = stream('users', { created: z.object({ id: z.string() }) })
const sink = { connect: async () => {}, write: async () => {}, close: async () => {} }
const tasks = stream('tasks', { done: z.string() })

test('an app has the streams and groups that it declares', () => {
  const mailer = handle(users, { group: 'mailer', concurrency: 5 }, { created: () => {} })
  const app = defineApp({ streams: [users, tasks], handlers: [mailer] })
  expect(app.streams).toEqual([users, tasks])
  expect(app.handlers).toMatchObject([{ stream: 'users', options: { group: 'mailer', concurrency: 5 } }])
  expect(defineApp({})).toEqual({
    streams: [],
    handlers: [],
    jobs: [],
    metrics: [],
    middleware: [],
    retention: [],
    routes: [],
    rpc: [],
    pipelines: [],
    migrations: [],
    personalFields: [],
  })
})

test.each([
  ['a function', () => ({})],
  ['a list', []],
  ['a promise', Promise.resolve({})],
  ['a number', 5],
  ['nothing', null],
])('what is no app at all is none that does nothing: %s', (_what, app) => {
  expect(() => defineApp(app as never)).toThrow('it must be an object of lists')
})

test('a metric is declared once', () => {
  const signups = () => counter({ name: 'signups_total', help: 'Users who signed up.' })
  expect(defineApp({ metrics: [signups()] }).metrics).toHaveLength(1)
  expect(() => defineApp({ metrics: [signups(), signups()] })).toThrow('metric "signups_total" twice')
})

test('personal fields that name nothing are told at once', () => {
  expect(defineApp({ personalFields: ['email', 'user.phone'] }).personalFields).toHaveLength(2)
  expect(() => defineApp({ personalFields: ['email', '', 'a..b', 7 as never] })).toThrow(
    /personalFields\.1: .*personalFields\.2: .*personalFields\.3: /,
  )
})

test('requests of a stream have one responder, made by responder', () => {
  const contract = (name: string) => rpc(name, { stream: 'requests', request: z.string(), reply: z.string() })
  const one = responder(contract('echo'), { terminals: 2 }, (text) => text)
  const other = responder(contract('other'), {}, (text) => text)
  expect(defineApp({ rpc: [one] }).rpc).toMatchObject([{ options: { terminals: 2 } }])
  expect(() => defineApp({ rpc: [one, other] })).toThrow('rpc: has the responder of "requests" twice')
  expect(() => defineApp({ rpc: [{}] as never })).toThrow('rpc.0: must be made by responder')
  expect(() => responder(contract('echo'), { terminals: 0 }, 7 as never)).toThrow(/terminals.*handler/)
})

test('a pipeline has its name for itself, and is made by pipeline', () => {
  const files = pipeline('files', { from: users, to: sink })
  expect(defineApp({ pipelines: [files] }).pipelines).toMatchObject([{ name: 'files', streams: ['users'] }])
  expect(() => defineApp({ pipelines: [files, files] })).toThrow('pipelines: has the pipeline "files" twice')
  expect(() => defineApp({ pipelines: [{ name: 'x' }] as never })).toThrow(
    'pipelines.0: must be made by pipeline',
  )
})

test('one group on several streams, and several on one, are fine', () => {
  const app = defineApp({
    streams: [users, tasks],
    handlers: [
      handle(users, { group: 'a' }, {}),
      handle(users, { group: 'b' }, {}),
      handle(tasks, { group: 'a' }, {}),
    ],
  })
  expect(app.handlers).toHaveLength(3)
})

test('a stream or a group that is declared twice is refused by name', () => {
  expect(() => defineApp({ streams: [users, tasks, users] })).toThrow(/stream "users" twice/)
  const twice = [handle(users, { group: 'a' }, {}), handle(users, { group: 'a' }, {})]
  expect(() => defineApp({ handlers: twice })).toThrow(
    expect.objectContaining({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining('"a" on "users"'),
    }),
  )
})

test('names that only look alike are not the same', () => {
  const handlers = [
    handle(stream('b on c', {}), { group: 'a' }, {}),
    handle(stream('c', {}), { group: 'a on b' }, {}),
  ]
  expect(defineApp({ handlers }).handlers).toHaveLength(2)
})

test('jobs and retention are checked where they are declared', () => {
  const nightly = job('nightly', '0 3 * * *', () => {})
  const app = defineApp({ jobs: [nightly], retention: [{ stream: 'users', policy: { maxLength: 10 } }] })
  expect(app.jobs).toEqual([nightly])
  expect(() => defineApp({ jobs: [nightly, nightly] })).toThrow(/nightly/)
  const impossible = { stream: 'users', policy: { maxLength: -1 } }
  expect(() => defineApp({ retention: [impossible] })).toThrow(/maxLength/)
  const users = { stream: 'users', policy: {} }
  expect(() => defineApp({ retention: [users, users] })).toThrow(/retention of "users" twice/)
})

test('a part that is no list, or none of an app, is named: no compiler looks at a module in JavaScript', () => {
  const app = { handler: [], streams: 'users', jobs: [undefined], metrics: undefined } as never
  expect(() => defineApp(app)).toThrow(
    expect.objectContaining({
      code: 'CONFIGURATION_INVALID',
      issues: [
        { path: 'handler', message: expect.stringContaining('wanted: streams, handlers') },
        { path: 'streams', message: 'must be a list of declarations' },
        { path: 'jobs', message: 'must be a list of declarations' },
      ],
    }),
  )
})
