import type { App } from '../../app/app.ts'
import type { RetentionDeclaration } from '../../core/retention-policy.ts'
import { AUDIT_GROUP } from './stream-workers.ts'

/** What an app keeps of its streams, with the groups that need it. */
export const retained = ({ retention, handlers }: App): RetentionDeclaration[] =>
  retention.map(({ stream, policy }) => {
    const own = handlers.filter((group) => group.stream === stream)
    const groups = own.map(({ options: { group, start = '0' } }) => ({ name: group, start }))
    // A stream that no group of the app handles is followed for the audit trail.
    return { stream, policy, groups: groups.length > 0 ? groups : [{ name: AUDIT_GROUP }] }
  })
