import { setMaxListeners } from 'node:events'
import type { ServerApp } from '../endpoint.ts'
import type { ServerPorts } from '../ports.ts'
import type { Admin } from './admin-route.ts'
import { addDeadLetterRoutes } from './dead-letter-routes.ts'
import { addEntryRoutes } from './entry-routes.ts'
import { addExplainRoutes } from './explain-routes.ts'
import { addGroupRoutes } from './group-routes.ts'
import { addHoldRoutes } from './hold-routes.ts'
import { addJobRoutes } from './job-routes.ts'
import { addKeyRoutes } from './key-routes.ts'
import { addLiveRoutes } from './live-routes.ts'
import { Looks } from './looks.ts'
import { addMemberRoutes } from './member-routes.ts'
import { addOverviewRoutes } from './overview-routes.ts'
import { addPipelineRoutes } from './pipeline-routes.ts'
import { addScheduleRoutes } from './schedule-routes.ts'
import { addScheduledRoutes } from './scheduled-routes.ts'
import { addStartRoutes } from './start-routes.ts'
import { addStreamRoutes } from './stream-routes.ts'

/** What whoever is on call can do, where there is somebody to do it. */
export function addAdminRoutes(
  app: ServerApp,
  server: ServerPorts,
  { bodyBytes }: { bodyBytes: number },
): void {
  const { admin: ports } = server
  if (!ports) return
  // All that is streamed ends by it.
  setMaxListeners(0, ports.stopping)
  const admin: Admin = { app, ports, server, looks: new Looks(ports), bodyBytes, listeners: { count: 0 } }
  for (const add of ROUTES) add(admin)
}

const ROUTES = [
  addOverviewRoutes,
  addStreamRoutes,
  addEntryRoutes,
  addHoldRoutes,
  addScheduledRoutes,
  addGroupRoutes,
  addMemberRoutes,
  addDeadLetterRoutes,
  addStartRoutes,
  addJobRoutes,
  addExplainRoutes,
  addPipelineRoutes,
  addScheduleRoutes,
  addKeyRoutes,
  addLiveRoutes,
]
