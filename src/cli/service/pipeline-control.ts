import type { PipelineStatus } from '../../connectors/pipeline-run.ts'
import type { ActionName, Operator } from '../../core/action-record.ts'
import { MillraceError } from '../../core/errors.ts'
import { nearestName } from '../../core/nearest.ts'
import type { Operations } from '../../core/operations.ts'
import { redactText } from '../../core/redact.ts'
import type { PipelineControl, PipelineView } from '../../server/admin/admin-ports.ts'
import type { SettingsService } from '../../settings/settings-service.ts'
import type { Connectors } from './connectors.ts'

export interface PipelineControlParts {
  connectors: Connectors
  settings: Pick<SettingsService, 'change'>
  /** @throws MillraceError `REDIS_UNAVAILABLE` before there is a connection */
  operations: () => Operations
}

/** What operators can do with the pipelines of this instance. */
export function pipelineControl({ connectors, settings, operations }: PipelineControlParts): PipelineControl {
  const statuses = () => connectors.statuses ?? []
  const find = (name: string): PipelineStatus => {
    const found = statuses().find((one) => one.name === name)
    if (found) return found
    throw unknown(name, statuses())
  }
  const view = (status: PipelineStatus) => viewOf(status, connectors.isPaused(status.name))

  /** As a setting, so that it holds on all instances and after a restart. Answers whether it held not before. */
  const set = async (name: string, state: 'paused' | null, action: ActionName, operator: Operator) => {
    const status = find(name)
    const before = connectors.isPaused(name)
    await settings.change({ pipelines: { [name]: state } }, operator)
    await record(status, action, operator)
    return before !== (state === 'paused')
  }

  const record = async ({ name, streams, group }: PipelineStatus, action: ActionName, operator: Operator) => {
    const what = { ...(group !== undefined && { group }), detail: { pipeline: name } }
    for (const stream of streams) await operations().actions.record(stream, action, operator, what)
  }

  return {
    list: () => statuses().map(view),
    get: (name) => view(find(name)),
    pause: (name, operator) => set(name, 'paused', 'pause-pipeline', operator),
    resume: (name, operator) => set(name, null, 'resume-pipeline', operator),
    async restart(name, operator) {
      await record(find(name), 'restart-pipeline', operator)
      await connectors.restart(connectors.run(name)!)
      return view(find(name))
    },
  }
}

const isoTime = (ms: number): string => new Date(ms).toISOString()

/** As it may be shown: an address in an error can hold a password. */
function viewOf(status: PipelineStatus, paused: boolean): PipelineView {
  const { name, kind, state, streams, group, written, refused, held, lastWriteAt, lastError } = status
  return {
    name,
    kind,
    state,
    paused,
    streams,
    ...(group !== undefined && { group }),
    written,
    refused,
    held,
    ...(lastWriteAt !== undefined && { lastWriteAt: isoTime(lastWriteAt) }),
    ...(lastError && {
      lastError: {
        error: lastError.error,
        message: redactText(lastError.message),
        time: isoTime(lastError.at),
      },
    }),
  }
}

function unknown(name: string, known: readonly PipelineStatus[]): MillraceError {
  const names = known.map((one) => one.name)
  const nearest = nearestName(name, names)
  const hint = nearest === undefined ? '' : `; did you mean ${JSON.stringify(nearest)}?`
  const message = `this instance runs no pipeline ${JSON.stringify(name)}${hint}`
  return new MillraceError('UNKNOWN_PIPELINE', message)
}
