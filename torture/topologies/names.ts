/** What Redis can be. */
export const TOPOLOGIES = ['single', 'sentinel', 'cluster'] as const

export type TopologyName = (typeof TOPOLOGIES)[number]
