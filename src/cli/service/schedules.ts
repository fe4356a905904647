import type { App } from '../../app/app.ts'
import type { TickMemory } from '../../core/schedule.ts'
import type { JobSetting } from '../../core/settings.ts'
import { planned, type JobDeclaration } from '../../schedule/job.ts'
import type { ScheduleState } from '../../server/admin/admin-ports.ts'

/** The cron jobs of an app as they stand: declared, overlaid by what operators have set. */
export async function scheduleStates(
  { jobs }: Pick<App, 'jobs'>,
  settings: Readonly<Record<string, JobSetting>>,
  ticks: TickMemory,
): Promise<ScheduleState[]> {
  const last = await ticks.recall(jobs.map(({ name }) => name))
  return jobs.map((job, index) => stateOf(job, settings[job.name] ?? {}, last[index]))
}

function stateOf(job: JobDeclaration, setting: JobSetting, last: number | undefined): ScheduleState {
  const { schedule, timetable } = planned(job, setting)
  const next = timetable.next(Date.now())
  const { enabled = true } = setting
  return {
    name: job.name,
    schedule,
    timezone: job.timezone ?? 'UTC',
    enabled,
    overridden: !enabled || (setting.cron !== undefined && setting.cron !== job.schedule),
    ...(last !== undefined && { lastTick: new Date(last).toISOString() }),
    ...(next !== undefined && { nextTick: new Date(next).toISOString() }),
  }
}
