import { z } from '@hono/zod-openapi'
import { adminRoute, type Admin } from './admin-route.ts'

const ScheduleSchema = z
  .object({
    name: z.string(),
    schedule: z.union([z.string(), z.object({ everyMs: z.number().int() })]),
    timezone: z.string(),
    enabled: z.boolean(),
    overridden: z.boolean().openapi({ description: 'By the setting `jobs`' }),
    lastTick: z.string().optional(),
    nextTick: z.string().optional(),
  })
  .openapi('Schedule', {
    example: {
      name: 'nightly-report',
      schedule: '0 3 * * *',
      timezone: 'Europe/Berlin',
      enabled: true,
      overridden: false,
      nextTick: '2026-01-29T02:00:00.000Z',
    },
  })

/** The cron jobs of the app. They are changed by the setting `jobs`. */
export function addScheduleRoutes(admin: Admin): void {
  const route = {
    summary: 'The cron jobs of the app; the setting `jobs` changes them',
    answer: z.object({ schedules: z.array(ScheduleSchema) }),
  }
  adminRoute(admin, 'get', '/schedules', route, async () => ({ schedules: await admin.ports.schedules() }))
}
