import { defineApp, handle, stream } from 'millrace'
import { z } from 'zod'

/** The service's own stream: what `POST /trigger-test-event` and a schedule will publish to. */
const tests = stream('event-stream', { 'test.event': z.object({ message: z.string() }) })

export default defineApp({
  streams: [tests],
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
  ],
})
