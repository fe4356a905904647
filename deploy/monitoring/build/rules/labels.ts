/*
 * By what alerts are grouped. What Redis tells, every instance tells alike, and instances of different roles may be
 * different jobs: so neither the job nor the instance is in it. Installations are told apart by their namespace.
 */
export const BY_STREAM = 'by (namespace, stream)'
export const BY_GROUP = 'by (namespace, stream, group)'
export const BY_INSTANCE = 'by (namespace, job, instance)'
export const BY_PIPELINE = 'by (namespace, pipeline)'

/** What keeps a metric that every Node.js process has to those of Millrace. */
export const OF_MILLRACE = 'and on (job, instance) millrace_build_info'

/** For summaries. */
export const THE_GROUP = 'the group {{ $labels.group }} of {{ $labels.stream }}'
export const THE_INSTANCE = '{{ $labels.instance }} ({{ $labels.job }})'

/** For what to do first. */
export const EXPLAIN = '`millrace explain {{ $labels.stream }} {{ $labels.group }}`'
