/** What there is to publish. */
export const KINDS = ['telemetry', 'earthquakes', 'weather'] as const
export type Kind = (typeof KINDS)[number]
