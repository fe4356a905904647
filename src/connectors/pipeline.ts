import type { Middleware } from '../core/delivery.ts'
import { collectIssues, InvalidError, type Issue } from '../core/errors.ts'
import { checkName } from '../core/names.ts'
import { checkFunctions, type PublishMiddleware } from '../core/pipeline.ts'
import { LONGEST_TIMER_MS, requireCounts } from '../core/require-counts.ts'
import type { Sink } from '../core/sink.ts'
import type { Source } from '../core/source.ts'
import type { StreamDeclaration } from '../core/stream.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'

type StreamName = string | StreamDeclaration

/** What a pipeline has in common with a group: it consumes through one. */
type GroupPart = Pick<
  WorkerOptions,
  | 'batch'
  | 'claimIntervalMs'
  | 'deadAfterMs'
  | 'deduplicate'
  | 'maxFaultDelayMs'
  | 'minIdleMs'
  | 'order'
  | 'pollMs'
  | 'rateLimit'
  | 'retry'
  | 'start'
>

/** From streams to a sink. */
export interface SinkPipelineOptions extends GroupPart {
  from: StreamName | readonly StreamName[]
  to: Sink
  /** Through which group it reads (the name of the pipeline). */
  group?: string
  /** What every event goes through on its way, such as `filter`, `map` and `redact`. */
  middleware?: readonly Middleware[]
  /** Writes that are under way at once, at most (what the sink says, else 1). */
  concurrency?: number
  /** How long a write may take, in ms (60000); then the sink counts as unavailable. */
  writeTimeoutMs?: number
  /** The longest pause before a sink that was not available is tried again, in ms (5000). */
  retryDelayMs?: number
}

/** From a source to a stream. */
export interface SourcePipelineOptions {
  from: Source
  to: StreamName
  /** What every event goes through before it is published. */
  middleware?: readonly PublishMiddleware[]
  /** The longest pause before a source that failed is read again, in ms (5000). */
  retryDelayMs?: number
}

export interface SinkPipelineDeclaration extends Omit<SinkPipelineOptions, 'from'> {
  readonly name: string
  readonly kind: 'sink'
  readonly streams: readonly string[]
  readonly group: string
}

export interface SourcePipelineDeclaration extends Omit<SourcePipelineOptions, 'to'> {
  readonly name: string
  readonly kind: 'source'
  readonly stream: string
}

export type PipelineDeclaration = SinkPipelineDeclaration | SourcePipelineDeclaration

/**
 * Declares a pipeline: from streams to a sink, or from a source to a stream. An app lists it among its `pipelines`, and
 * the role `connector` runs it; `runPipeline` runs it in any other program. An entry is acknowledged when the sink has it
 * for good, so the sink gets every event at least once, in the order of its key.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake in it
 *
 * @example
 * pipeline('archive', {
 *   from: [users, 'task:queue'],
 *   middleware: [redact(['email'])],
 *   to: fileSink({ directory: './archive', format: 'jsonl' }),
 *   batch: { size: 500, waitMs: 200 },
 * })
 */
export function pipeline(
  name: string,
  options: SinkPipelineOptions | SourcePipelineOptions,
): PipelineDeclaration {
  const issues: Issue[] = []
  collectIssues(issues, () => checkName('pipeline name', name), 'name')
  collectIssues(issues, () => checkFunctions('middleware', options.middleware ?? []), 'middleware')
  const declared = isToSink(options) ? toSink(name, options, issues) : toStream(name, options, issues)
  if (issues.length > 0)
    throw new InvalidError(
      'CONFIGURATION_INVALID',
      `the pipeline ${JSON.stringify(name)} can't run like this`,
      issues,
    )
  return declared
}

const isToSink = (options: SinkPipelineOptions | SourcePipelineOptions): options is SinkPipelineOptions =>
  typeof (options.to as Partial<Sink> | undefined)?.write === 'function'

function toSink(name: string, options: SinkPipelineOptions, issues: Issue[]): SinkPipelineDeclaration {
  const { from, group = name } = options
  const streams = [from].flat().map(nameOf)
  if (streams.length === 0) issues.push({ path: 'from', message: 'must name at least one stream' })
  if (new Set(streams).size < streams.length) issues.push({ path: 'from', message: 'names a stream twice' })
  for (const stream of streams) collectIssues(issues, () => checkName('stream name', stream), 'from')
  collectIssues(issues, () => checkName('group name', group), 'group')
  checkCounts(options, ['concurrency'], issues)
  checkCounts(options, ['writeTimeoutMs', 'retryDelayMs'], issues, LONGEST_TIMER_MS)
  return { ...options, name, kind: 'sink', streams, group }
}

function toStream(name: string, options: SourcePipelineOptions, issues: Issue[]): SourcePipelineDeclaration {
  const { from, to } = options
  if (typeof (from as Partial<Source> | undefined)?.read !== 'function')
    issues.push({
      path: 'to',
      message:
        'must be a sink, which has a method write; or else from must be a source, which has a method read',
    })
  else collectIssues(issues, () => checkName('stream name', nameOf(to)), 'to')
  checkCounts(options, ['retryDelayMs'], issues, LONGEST_TIMER_MS)
  return { ...options, name, kind: 'source', stream: nameOf(to) }
}

function checkCounts<Name extends string>(
  options: { readonly [N in Name]?: number },
  names: readonly Name[],
  issues: Issue[],
  most?: number,
): void {
  const given = names.filter((name) => options[name] !== undefined)
  collectIssues(issues, () => requireCounts('counts', options as Record<Name, number>, given, most))
}

/** No compiler looks at a pipeline in JavaScript. */
const nameOf = (stream: StreamName): string =>
  typeof stream === 'string' ? stream : String((stream as Partial<StreamDeclaration> | undefined)?.name ?? '')
