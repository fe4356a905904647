import { InvalidError } from '../core/errors.ts'
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
