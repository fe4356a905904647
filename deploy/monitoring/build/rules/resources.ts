import type { RuleGroup } from './alert.ts'
import { BY_INSTANCE, OF_MILLRACE, THE_INSTANCE } from './labels.ts'
import { OBJECTIVES } from './objectives.ts'

const USED = 'max by (namespace, server) (redis_memory_used_bytes)'
const MOST = 'max by (namespace, server) (redis_memory_max_bytes) > 0'

/** What runs out. */
export const resources: RuleGroup = {
  name: 'millrace.resources',
  rules: [
    {
      name: 'MillraceRedisMemoryHigh',
      severity: 'warning',
      for: '10m',
      expr: `${USED} / (${MOST}) > ${OBJECTIVES.redisMemoryRatio}`,
      summary: 'the memory of Redis at {{ $labels.server }} runs out',
      what: '{{ $value | humanizePercentage }} of it is used. When it is full Redis refuses to take events.',
      first: '`millrace stream ls --sort length`',
    },
    {
      name: 'MillraceRedisMemoryFull',
      severity: 'critical',
      for: '2m',
      expr: `${USED} / (${MOST}) > ${OBJECTIVES.redisMemoryFullRatio}`,
      summary: 'the memory of Redis at {{ $labels.server }} is full',
      what: '{{ $value | humanizePercentage }} of it is used. Publishing fails now, or within moments.',
      first: 'raise maxmemory where the host has more; then trim what nobody needs.',
    },
    {
      name: 'MillraceProcessMemory',
      severity: 'warning',
      for: '10m',
      expr: `process_resident_memory_bytes > ${OBJECTIVES.processBytes} ${OF_MILLRACE}`,
      summary: `${THE_INSTANCE} takes much memory`,
      what: 'It takes {{ $value | humanize1024 }}B. From MAX_MEMORY_BYTES on it refuses requests.',
      first: 'see in the dashboard of the process whether the heap or what is beside it grows.',
    },
    {
      name: 'MillraceEventLoopLate',
      severity: 'warning',
      for: '5m',
      expr: `nodejs_eventloop_lag_p99_seconds > ${OBJECTIVES.eventLoopSeconds} ${OF_MILLRACE}`,
      summary: `${THE_INSTANCE} is too busy`,
      what: 'Its event loop is {{ $value | humanizeDuration }} late. Heartbeats suffer, and so do time limits.',
      first: 'see whether its CPU is at its limit, or a handler computes for long without a pause.',
    },
    {
      name: 'MillraceOpenFiles',
      severity: 'warning',
      for: '10m',
      expr: `process_open_fds / process_max_fds > ${OBJECTIVES.openFilesRatio} ${OF_MILLRACE}`,
      summary: `${THE_INSTANCE} runs out of file descriptors`,
      what: '{{ $value | humanizePercentage }} of them are open. Without any it can not connect.',
      first: 'see how many clients are connected, and raise its limit of open files.',
    },
    {
      name: 'MillraceMetricsIncomplete',
      severity: 'warning',
      for: '15m',
      expr: `max ${BY_INSTANCE} (millrace_streams_left_out) > 0 or sum ${BY_INSTANCE} (increase(millrace_metric_samples_dropped_total[15m])) > 0 or sum ${BY_INSTANCE} (increase(millrace_scrape_errors_total{part="redis"}[15m])) > 0`,
      summary: `the metrics of ${THE_INSTANCE} are incomplete`,
      what: 'Streams are left out, or samples are dropped: what is not shown can not alarm.',
      first: 'see in the dashboard of the process which of them it is.',
    },
  ],
}
