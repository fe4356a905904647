import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { collectIssues, InvalidError, toError, type Issue } from '../../core/errors.ts'
import type { Sink } from '../../core/sink.ts'
import type { Source } from '../../core/source.ts'
import { pipeline, type PipelineDeclaration } from '../pipeline.ts'
import { SINK_TYPES } from '../sink-types.ts'
import { SOURCE_TYPES } from '../source-types.ts'
import { sinkPipelineSchema, sourcePipelineSchema } from './schema.ts'
import { asMiddleware, asPublishMiddleware } from './steps.ts'
import { secretIn, typed, type Made, type Words } from './words.ts'

export interface ConfiguredOptions {
  /** Where secrets may be. */
  env: NodeJS.ProcessEnv
  /** What `to` can name; all that there are. */
  sinks?: Readonly<Record<string, Made<Sink>>>
  /** What `from` can name; all that there are. */
  sources?: Readonly<Record<string, Made<Source>>>
}

/**
 * Pipelines as a JSON file has them: a list of `{ name, from, to, … }`, see docs/connectors.md.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake in it and its place, such as `pipelines.0.to.directory`
 *
 * @example
 * readPipelineFile('pipelines.json', { env: process.env })
 */
export function readPipelineFile(file: string, options: ConfiguredOptions): PipelineDeclaration[] {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw invalid(file, [{ path: 'PIPELINES', message: `${file} can't be read: ${toError(error).message}` }])
  }
  return configuredPipelines(content, options, file)
}

/** The same of what stands in it. */
export function configuredPipelines(
  content: unknown,
  { env, sinks = SINK_TYPES, sources = SOURCE_TYPES }: ConfiguredOptions,
  file = 'the list of pipelines',
): PipelineDeclaration[] {
  if (!Array.isArray(content))
    throw invalid(file, [{ path: 'pipelines', message: 'must be a list of pipelines' }])
  const words: Words = { secret: secretIn(env), sink: z.lazy(() => sink) }
  const sink = typed('sink', sinks, words)
  const toSink = sinkPipelineSchema(sink)
  const toStream = sourcePipelineSchema(typed('source', sources, words))
  const issues: Issue[] = []
  const declared = content.map((one: unknown, index) => {
    const at = `pipelines.${index}`
    const found: Issue[] = []
    const declaration = collectIssues(found, () =>
      hasSource(one) ? fromSource(toStream, one) : fromStream(toSink, one),
    )
    for (const { path, message } of found) issues.push({ path: path === '' ? at : `${at}.${path}`, message })
    return declaration
  })
  if (issues.length > 0) throw invalid(file, issues)
  return declared as PipelineDeclaration[]
}

const hasSource = (one: unknown): boolean => {
  const { from } = (one ?? {}) as { from?: unknown }
  return typeof from === 'object' && from !== null && !Array.isArray(from)
}

function fromStream(schema: ReturnType<typeof sinkPipelineSchema>, one: unknown): PipelineDeclaration {
  const { name, middleware, ...options } = parsed(schema, one)
  return pipeline(name, { ...options, ...(middleware && { middleware: middleware.map(asMiddleware) }) })
}

function fromSource(schema: ReturnType<typeof sourcePipelineSchema>, one: unknown): PipelineDeclaration {
  const { name, middleware, ...options } = parsed(schema, one)
  return pipeline(name, {
    ...options,
    ...(middleware && { middleware: middleware.map(asPublishMiddleware) }),
  })
}

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues = result.error.issues.map(({ path, message }) => ({
    path: path.map(String).join('.'),
    message,
  }))
  throw new InvalidError('CONFIGURATION_INVALID', 'the pipeline can not run like this', issues)
}

const invalid = (file: string, issues: readonly Issue[]): InvalidError =>
  new InvalidError('CONFIGURATION_INVALID', `${file} can not be used`, issues)
