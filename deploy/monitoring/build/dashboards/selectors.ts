/* What narrows queries down to what was chosen above a dashboard. */

const SERVICE = 'namespace=~"$namespace",job=~"$job"'

/** What Redis tells, of a stream or a group: every instance tells it alike. */
export const OF_STREAM = `${SERVICE},stream=~"$stream"`
export const OF_GROUP = `${OF_STREAM},group=~"$group"`
/** The same where there is nothing to choose. */
export const OF_SERVICE = SERVICE

/** What an instance tells of itself. */
export const OF_INSTANCE = `${SERVICE},instance=~"$instance"`
export const OF_STREAM_HERE = `${OF_INSTANCE},stream=~"$stream"`
export const OF_GROUP_HERE = `${OF_STREAM_HERE},group=~"$group"`
export const OF_PIPELINE_HERE = `${OF_INSTANCE},pipeline=~"$pipeline"`

/** How much in a second. */
export const rate = (metric: string, selector: string): string =>
  `rate(${metric}{${selector}}[$__rate_interval])`

/** The time that so many of all take at most, by these labels. */
export const quantile = (share: number, histogram: string, selector: string, by: string): string =>
  `histogram_quantile(${share}, sum by (${[by, 'le'].filter(Boolean).join(', ')}) (${rate(`${histogram}_bucket`, selector)}))`

/** 0 where nothing is counted, which is what one wants to see at a glance. */
export const countOf = (expr: string): string => `count(${expr}) or vector(0)`
