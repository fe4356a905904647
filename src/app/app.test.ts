import { expect, test } from 'vitest'
import { z } from 'zod'
import { stream } from '../core/stream.ts'
import { defineApp, handle } from './app.ts'

const users = stream('users', { created: z.object({ id: z.string() }) })
const tasks = stream('tasks', { done: z.string() })

test('an app has the streams and groups that it declares', () => {
  const mailer = handle(users, { group: 'mailer', concurrency: 5 }, { created: () => {} })
  const app = defineApp({ streams: [users, tasks], handlers: [mailer] })
  expect(app.streams).toEqual([users, tasks])
  expect(app.handlers).toMatchObject([{ stream: 'users', options: { group: 'mailer', concurrency: 5 } }])
  expect(defineApp({})).toEqual({ streams: [], handlers: [] })
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
