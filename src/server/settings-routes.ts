import type { Context } from 'hono'
import type { Operator } from '../core/action-record.ts'
import type { SettingsState } from '../core/settings.ts'
import { answerJson } from './answer.ts'
import { addEndpoint, type ServerApp } from './endpoint.ts'
import type { ServerEnv } from './server-env.ts'
import { HttpError } from './http-error.ts'
import type { ServerPorts } from './ports.ts'
import {
  HistoryQuerySchema,
  HistorySchema,
  SettingsPatchHeaders,
  SettingsPatchSchema,
  SettingsSchema,
} from './settings-schemas.ts'

const PATH = '/api/admin/settings'
const common = { tag: 'Administration', scope: 'admin' } as const

export function addSettingsRoutes(
  app: ServerApp,
  { settings }: ServerPorts,
  { bodyBytes }: { bodyBytes: number },
): void {
  if (!settings) return
  const answers = { 200: { description: 'The settings; the ETag is their version', schema: SettingsSchema } }

  const describe = {
    ...common,
    method: 'get',
    path: PATH,
    summary: 'What can be changed at run time',
    answers,
  } as const
  addEndpoint(app, describe, async (c) => answer(c, await settings.describe()))

  const change = {
    ...common,
    method: 'patch',
    path: PATH,
    summary: 'Change settings on all instances, durably',
    headers: SettingsPatchHeaders,
    body: { schema: SettingsPatchSchema, limitBytes: bodyBytes },
    answers,
  } as const
  addEndpoint(app, change, async (c, { body, headers }) => {
    const { settings: patch, version, reason } = body
    const operator: Operator = {
      actor: c.get('caller')?.name ?? 'anonymous',
      ...(reason !== undefined && { reason }),
    }
    return answer(c, await settings.change(patch, operator, expectedVersion(version, headers['If-Match'])))
  })

  const history = {
    ...common,
    method: 'get',
    path: `${PATH}/history`,
    summary: 'Who changed which settings, newest first',
    query: HistoryQuerySchema,
    answers: { 200: { description: 'A page of changes', schema: HistorySchema } },
  } as const
  addEndpoint(app, history, async (c, { query: { limit, after } }) => {
    const { records, next } = await settings.history({ limit, ...(after !== undefined && { after }) })
    return answerJson(c, { success: true, changes: records, ...(next !== undefined && { next }) })
  })
}

const answer = (c: Context<ServerEnv>, state: SettingsState): Response =>
  answerJson(c, { success: true, ...state }, 200, { etag: `"${state.version}"` })

/** From the body or from `If-Match`; both may say the same. */
function expectedVersion(inBody: number | undefined, ifMatch = '*'): number | undefined {
  const inHeader = ifMatch === '*' ? undefined : Number(ifMatch.slice(1, -1))
  if (inBody !== undefined && inHeader !== undefined && inBody !== inHeader)
    throw new HttpError(
      'REQUEST_INVALID',
      `version ${inBody} and If-Match ${ifMatch} differ; give one of them`,
    )
  return inBody ?? inHeader
}
