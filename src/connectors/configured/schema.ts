import { z } from 'zod'
import { LONGEST_TIMER_MS } from '../../core/require-counts.ts'
import type { Sink } from '../../core/sink.ts'
import type { Source } from '../../core/source.ts'
import { step } from './steps.ts'

const name = z.string().min(1)
const count = z.int().min(1)
const ms = z.int().min(1).max(LONGEST_TIMER_MS)
const limit = z.number().min(0).max(LONGEST_TIMER_MS)

/** The names, units and defaults are those of `pipeline`. */
const common = {
  name,
  middleware: z.array(step).exactOptional(),
  retryDelayMs: ms.exactOptional(),
}

const group = {
  group: name.exactOptional(),
  start: name.exactOptional(),
  order: z.enum(['process', 'key']).exactOptional(),
  batch: z.strictObject({ size: count, waitMs: limit.exactOptional() }).exactOptional(),
  concurrency: count.exactOptional(),
  writeTimeoutMs: ms.exactOptional(),
  rateLimit: z.strictObject({ count, perMs: count }).exactOptional(),
  deduplicate: z.strictObject({ ttlMs: count }).exactOptional(),
  retry: z
    .strictObject({
      attempts: count.exactOptional(),
      delayMs: limit.exactOptional(),
      maxDelayMs: limit.exactOptional(),
    })
    .exactOptional(),
}

const from = z.union([name, z.array(name)], 'must be a stream, a list of streams, or a source')

export const sinkPipelineSchema = (sink: z.ZodType<Sink>) =>
  z.strictObject({ ...common, ...group, from, to: sink })

export const sourcePipelineSchema = (source: z.ZodType<Source>) =>
  z.strictObject({ ...common, from: source, to: name })
