import type { App, GroupDeclaration } from '../../app/app.ts'
import type { Handler } from '../../core/delivery.ts'
import { InvalidError } from '../../core/errors.ts'
import type { NewEvent } from '../../core/event.ts'
import type { Log } from '../../core/service.ts'
import { job, type JobDeclaration } from '../../schedule/job.ts'

const TYPE = 'test.event'
/** Who consumes the service's own stream where no group of the app does. */
const GROUP = 'millrace-test-events'
const MIN_INTERVAL_MS = 50

export const testEvent = (): NewEvent => ({
  type: TYPE,
  data: { message: 'somebody asked for a test event' },
})

/**
 * Publishes a test event each time, one over all instances; undefined where there are to be none.
 *
 * @throws InvalidError `CONFIGURATION_INVALID`
 */
export function testEventJob(stream: string, everyMs: number): JobDeclaration | undefined {
  if (everyMs === 0) return undefined
  if (everyMs < MIN_INTERVAL_MS) {
    const message = `must be 0, or ${MIN_INTERVAL_MS} ms at least, not ${everyMs}`
    throw new InvalidError('CONFIGURATION_INVALID', 'test events can not be scheduled', [
      { path: 'TEST_EVENT_INTERVAL_MS', message },
    ])
  }
  const data = { message: 'a test event comes at regular intervals' }
  // What nobody was there for is of no use later.
  return job(`millrace-test-event:${stream}`, { everyMs }, { stream, type: TYPE, data }, { graceMs: 1_000 })
}

/** Takes the events of the service's own stream, with a line for each; undefined where a group of the app does. */
export function testEventGroup(app: App, stream: string, log: Log): GroupDeclaration | undefined {
  if (app.handlers.some((group) => group.stream === stream)) return undefined
  const handler: Handler = async ({ event, position }) => {
    log.info({ stream, position, type: event.type }, `${event.type} arrived on ${stream}`)
  }
  return { stream, options: { group: GROUP }, bind: () => ({ handler }) }
}
