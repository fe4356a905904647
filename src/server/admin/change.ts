import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Operator } from '../../core/action-record.ts'
import { requireConfirmation } from '../../core/confirmation.ts'
import type { ServerEnv } from '../server-env.ts'

const reason = z
  .string()
  .max(1000)
  .refine((text) => text.isWellFormed(), 'must be well-formed text')
  .optional()
  .openapi({ description: 'Why, for the record', example: 'see ticket 4711' })

const dryRun = z.boolean().optional().openapi({
  description: 'Change nothing, and answer what would be done',
  example: false,
})

/** What comes with every change. */
export const Change = z.strictObject({ reason })

/** With one that can be tried first. */
export const TriedChange = Change.extend({ dryRun })

/** With one that destroys something. */
export const Destruction = TriedChange.extend({
  confirm: z
    .string()
    .optional()
    .openapi({ description: 'The name of what is meant; not needed with dryRun', example: 'mailer' }),
})

export const force = z.boolean().optional().openapi({
  description: 'Also though consumers live: they lose what they hold',
  example: false,
})

/** Who makes a request, for the record. */
export const operatorOf = (
  c: Context<ServerEnv>,
  { reason }: { reason?: string | undefined } = {},
): Operator => ({
  actor: c.get('caller')?.name ?? 'anonymous',
  ...(reason !== undefined && { reason }),
})

/** Refuses what destroys something unless it is a dry run, or its name was said once more. */
export function confirmed(
  what: string,
  name: string,
  { dryRun = false, confirm }: { dryRun?: boolean | undefined; confirm?: string | undefined },
): void {
  if (!dryRun) requireConfirmation(what, name, confirm)
}
