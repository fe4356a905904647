import { defineApp, handle, stream } from 'millrace'
import { z } from 'zod'
import { chat, chatConsumer, chatMessages, chatRoutes } from './events/chat.ts'
import { logConsumer, logLines, logRoutes, logs } from './events/logs.ts'
import { taskConsumer, taskRoutes, tasks, taskSteps } from './events/tasks.ts'
import { consumer as userConsumer, signUps } from './users/consumer.ts'
import { routes as userRoutes } from './users/routes.ts'
import { migrations } from './users/user-table.ts'
import { users } from './users/user.ts'
import { proxy } from './weather/proxy.ts'
import { routes as weatherRoutes } from './weather/routes.ts'

/** The service's own stream: what `POST /trigger-test-event` and a schedule will publish to. */
const tests = stream('event-stream', { 'test.event': z.object({ message: z.string() }) })

export default defineApp({
  streams: [tests, users, chat, tasks, logs],
  migrations,
  routes: [...userRoutes, ...chatRoutes, ...taskRoutes, ...logRoutes, ...weatherRoutes],
  rpc: [proxy],
  handlers: [
    handle(
      tests,
      { group: 'test-processing-group' },
      {
        'test.event': ({ event }) => {
          if (event.data.message === '') throw new Error('a test event should say something')
        },
      },
    ),
    userConsumer,
    chatConsumer,
    taskConsumer,
    logConsumer,
  ],
  metrics: [signUps, chatMessages, taskSteps, logLines],
  personalFields: ['username', 'email', 'content'],
})
