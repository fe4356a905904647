import { readPipelineFile } from '../../connectors/configured/configured-pipelines.ts'
import {
  pipeline,
  type PipelineDeclaration,
  type SinkPipelineDeclaration,
} from '../../connectors/pipeline.ts'
import { eventHubsSink, type EventHubsSinkOptions } from '../../connectors/sinks/event-hubs.ts'
import { fileSink, type FileSinkOptions } from '../../connectors/sinks/file.ts'
import type { Config, ConsumerDefaults } from '../../config/config.ts'
import type { OutputConfig } from '../../config/output.ts'
import type { App } from '../../app/app.ts'
import { collectIssues, InvalidError, type Issue } from '../../core/errors.ts'
import { groupKey } from '../../core/names.ts'
import type { Sink } from '../../core/sink.ts'
import { hasRole, type ServiceOptions } from './options.ts'
import { readingDefaults } from './reading-defaults.ts'

type Given = Pick<ServiceOptions, 'app' | 'config' | 'env'>

/** How the pipeline of the variables is called. */
const OUTPUT_NAME = 'output'

/**
 * The pipelines that the role `connector` runs: those of the app, of the file that PIPELINES names, and the one that
 * OUTPUT_ADAPTER_TYPE makes. Where they say nothing themselves, they consume as the configuration says. Other roles know
 * those of the app, since nothing may be trimmed that they need.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake, as where two have one name
 */
export function servicePipelines({ app, config, env }: Given): readonly PipelineDeclaration[] {
  const issues: Issue[] = []
  const isConnector = hasRole({ config }, 'connector')
  const configured = isConnector ? collectIssues(issues, () => pipelinesOf(config, env)) : []
  const all = [...app.pipelines, ...(configured ?? [])]
  issues.push(...twice(all), ...shared(all, app))
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the pipelines can not run like this', issues)
  return all.map((one) => withDefaults(one, config.consumers))
}

/** Those that the configuration declares. @throws as {@link servicePipelines} */
export function pipelinesOf({ connector }: Pick<Config, 'connector'>, env: NodeJS.ProcessEnv) {
  const { pipelines: file, output } = connector
  const issues: Issue[] = []
  const ofFile = file === undefined ? [] : collectIssues(issues, () => readPipelineFile(file, { env }))
  const ofVariables = output && collectIssues(issues, () => outputPipeline(output))
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the pipelines can not run like this', issues)
  return [...(ofFile ?? []), ...(ofVariables ? [ofVariables] : [])]
}

/** What the sink calls an option, as the operator knows it. */
const VARIABLES: Readonly<Record<string, string>> = {
  from: 'STREAM_KEY',
  group: 'CONSUMER_GROUP_NAME',
  directory: 'OUTPUT_DIRECTORY',
  format: 'OUTPUT_FORMAT',
  connectionString: 'EVENT_HUB_CONNECTION_STRING',
  fullyQualifiedNamespace: 'EVENT_HUB_NAMESPACE',
  eventHub: 'EVENT_HUB_NAME',
}

function outputPipeline({ stream: from, group, to }: OutputConfig): PipelineDeclaration {
  try {
    return pipeline(OUTPUT_NAME, { from, group, to: outputSink(to) })
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error
    const issues = error.issues.map(({ path, message }) => ({
      path: VARIABLES[path] ?? 'OUTPUT_ADAPTER_TYPE',
      message,
    }))
    throw new InvalidError(error.code, 'the pipeline of the variables can not run like this', issues)
  }
}

function outputSink({ type, ...options }: OutputConfig['to']): Sink {
  return type === 'file'
    ? fileSink(options as FileSinkOptions)
    : eventHubsSink(options as EventHubsSinkOptions)
}

function withDefaults(declaration: PipelineDeclaration, defaults: ConsumerDefaults): PipelineDeclaration {
  const { maxFaultDelayMs: retryDelayMs } = defaults
  if (declaration.kind === 'source') return { retryDelayMs, ...declaration }
  const { batchSize, attempts, retryDelayMs: delayMs } = defaults
  return {
    ...readingDefaults(defaults),
    retryDelayMs,
    ...declaration,
    retry: { attempts, delayMs, ...declaration.retry },
    batch: { size: batchSize, ...declaration.batch },
  } satisfies SinkPipelineDeclaration
}

/** The app, the file and the variables know nothing of each other. */
function twice(all: readonly PipelineDeclaration[]): Issue[] {
  const names = all.map(({ name }) => name)
  const again = new Set(names.filter((name, index) => names.indexOf(name) !== index))
  return [...again].map((name) => ({
    path: 'pipelines',
    message: `there are two of the name ${JSON.stringify(name)}: of the app, of PIPELINES and of OUTPUT_ADAPTER_TYPE (which is called ${JSON.stringify(OUTPUT_NAME)}), each needs a name of its own`,
  }))
}

/** Two that consume through one group would each get a part of its events, and neither all. */
function shared(all: readonly PipelineDeclaration[], { handlers }: App): Issue[] {
  const taken = new Map(
    handlers.map(({ stream, options }) => [groupKey(stream, options.group), 'a group of the app']),
  )
  const issues: Issue[] = []
  for (const one of all) {
    if (one.kind === 'source') continue
    for (const stream of one.streams) {
      const key = groupKey(stream, one.group)
      const other = taken.get(key)
      const message = `${JSON.stringify(one.name)} reads ${JSON.stringify(stream)} through the group ${JSON.stringify(one.group)}, as does ${other}: give it another group`
      if (other !== undefined) issues.push({ path: 'pipelines', message })
      taken.set(key, `the pipeline ${JSON.stringify(one.name)}`)
    }
  }
  return issues
}
