import { setTimeout as pause } from 'node:timers/promises'
import { defineApp, handle } from '../../src/app/app.ts'
import { stream } from '../../src/core/stream.ts'
import { counter } from '../../src/telemetry/metrics/declare.ts'

/* The app of the service that Prometheus scrapes: handlers of a known speed, one that fails, and one that has no end. */

const signups = counter({ name: 'signups_total', help: 'Users who signed up.', labels: ['plan'] })
const any = {
  '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
} as const
const orders = stream('orders', { placed: any })
const stuck = stream('stuck', { placed: any })

export default defineApp({
  streams: [orders, stuck],
  metrics: [signups],
  handlers: [
    handle(
      orders,
      { group: 'mailer', retry: { attempts: 1 } },
      {
        async placed({ event }) {
          await pause(20)
          if ((event.data as { fails?: true }).fails) throw new TypeError('as asked')
          signups.inc({ plan: 'free' })
        },
      },
    ),
    handle(stuck, { group: 'never', concurrency: 1 }, { placed: ({ signal }) => untilAborted(signal) }),
  ],
})

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
