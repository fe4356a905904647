import { InvalidError } from '../core/errors.ts'
import { noLog, type Log } from '../core/service.ts'
import type { Cursors } from '../core/source.ts'
import type { PipelineDeclaration } from './pipeline.ts'
import type { PipelineRun } from './pipeline-run.ts'
import { SinkPipeline, type PipelineSurroundings } from './sink-pipeline.ts'
import { SourcePipeline } from './source-pipeline.ts'

/** A pipeline, ready to start. @throws InvalidError `CONFIGURATION_INVALID` */
export function pipelineRun(
  declaration: PipelineDeclaration,
  surroundings: PipelineSurroundings & { cursors?: Cursors },
): PipelineRun {
  if (declaration.kind === 'sink') return new SinkPipeline(declaration, surroundings)
  const { cursors } = surroundings
  if (!cursors) {
    const message = `the pipeline ${JSON.stringify(declaration.name)} has a source, so it needs a place for its cursor`
    throw new InvalidError('CONFIGURATION_INVALID', message)
  }
  return new SourcePipeline(declaration, { ...surroundings, cursors })
}

/**
 * Runs a pipeline in a program of one's own, from now on; whoever starts it stops it. The service runs those of its app.
 *
 * @throws InvalidError `CONFIGURATION_INVALID`
 *
 * @example
 * const bus = await connect({ url: 'redis://localhost:6379' })
 * const archive = pipeline('archive', { from: users, to: fileSink({ directory: './archive' }) })
 * const run = await runPipeline(archive, { streams: bus.log })
 * await run.stop(5_000)
 */
export async function runPipeline(
  declaration: PipelineDeclaration,
  surroundings: Omit<PipelineSurroundings, 'log'> & { log?: Log; cursors?: Cursors },
): Promise<PipelineRun> {
  const run = pipelineRun(declaration, { log: noLog, ...surroundings })
  await run.start()
  return run
}
