import { toError, type Issue } from '../core/errors.ts'
import { Router } from '../core/router.ts'
import { DEFAULT_RETRY_POLICY, retryPolicyIssues, type RetryPolicy } from './retry-policy.ts'

/** A policy for all events, and what differs from it for some. */
export interface RetryOptions extends RetryPolicy {
  /** By event type or pattern, such as `user.created` or `payment.>`; the most specific one counts. */
  types?: Readonly<Record<string, RetryPolicy>>
}

/** Which policy holds for which type of event. */
export class RetryPolicies {
  /** What makes no sense in what was declared. */
  readonly issues: readonly Issue[]
  readonly #general: Required<RetryPolicy>
  readonly #byType: Router<Required<RetryPolicy>> | undefined

  constructor({ types = {}, ...general }: RetryOptions = {}) {
    this.#general = { ...DEFAULT_RETRY_POLICY, ...general }
    const routes = Object.entries(types).map(
      ([type, policy]) => [type, { ...this.#general, ...policy }] as const,
    )
    const issues = retryPolicyIssues('retry', this.#general)
    for (const [type, policy] of routes) issues.push(...retryPolicyIssues(`retry.types["${type}"]`, policy))
    try {
      this.#byType = routes.length > 0 ? new Router(routes) : undefined
    } catch (error) {
      issues.push({ path: 'retry.types', message: toError(error).message })
    }
    this.issues = issues
  }

  of(type: string): Required<RetryPolicy> {
    return this.#byType?.find(type) ?? this.#general
  }
}
