import type { App } from '../../app/app.ts'
import type { RetentionDeclaration } from '../../core/retention-policy.ts'
import { AUDIT_GROUP } from './stream-workers.ts'

/** What an app keeps of its streams, with the groups that need it, those of its pipelines included. */
export const retained = ({ retention, handlers, pipelines }: App): RetentionDeclaration[] =>
  retention.map(({ stream, policy }) => {
    const own = handlers
      .filter((one) => one.stream === stream)
      .map(({ options: { group, start = '0' } }) => ({ name: group, start }))
    const sinks = pipelines
      .filter((one) => one.kind === 'sink')
      .filter(({ streams }) => streams.includes(stream))
      .map(({ group, start = '0' }) => ({ name: group, start }))
    // A stream that no group of the app handles is followed for the audit trail.
    const groups = own.length > 0 ? own : [{ name: AUDIT_GROUP }]
    return { stream, policy, groups: [...groups, ...sinks] }
  })
