import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import { z } from 'zod'

export const ROOT = join(import.meta.dirname, '../..')

const permissions = z.partialRecord(
  z.enum(['contents', 'packages', 'id-token', 'attestations']),
  z.enum(['none', 'read', 'write']),
)
const variables = z.record(z.string().regex(/^[A-Z_]+$/), z.string())
const concurrency = z.strictObject({
  group: z.string(),
  'cancel-in-progress': z.union([z.boolean(), z.string()]),
})
const step = z.union([
  z.strictObject({ uses: z.string(), with: z.record(z.string(), z.unknown()).optional() }),
  z.strictObject({ run: z.string(), env: variables.optional(), shell: z.literal('bash').optional() }),
])
const needs = z.union([z.string(), z.array(z.string())]).optional()
const job = z.strictObject({
  name: z.string().optional(),
  needs,
  'runs-on': z.literal('ubuntu-24.04'),
  'timeout-minutes': z.int().max(60),
  environment: z.string().optional(),
  permissions: permissions.optional(),
  env: variables.optional(),
  strategy: z
    .strictObject({ 'fail-fast': z.boolean(), matrix: z.record(z.string(), z.array(z.string())) })
    .optional(),
  steps: z.array(step).min(1),
})
const call = z.strictObject({ needs, permissions: permissions.optional(), uses: z.string() })

/** What GitHub takes, as far as we use it; whatever else stands there is a mistake. */
const workflow = z.strictObject({
  name: z.string(),
  on: z.strictObject({
    push: z
      .strictObject({ branches: z.array(z.string()), tags: z.array(z.string()) })
      .partial()
      .optional(),
    pull_request: z.null().optional(),
    workflow_call: z.null().optional(),
  }),
  permissions,
  concurrency,
  jobs: z.record(z.string().regex(/^[a-z-]+$/), z.union([job, call])),
})

export type Workflow = z.infer<typeof workflow>
export type Job = z.infer<typeof job>

/** @throws ZodError that names what is not known, or the first mistake of the YAML */
export function parseWorkflow(text: string): Workflow {
  const document = parseDocument(text)
  if (document.errors.length > 0) throw document.errors[0]
  return workflow.parse(document.toJS())
}

export const readWorkflow = (name: string): string =>
  readFileSync(join(ROOT, '.github/workflows', name), 'utf8')

export const jobsOf = ({ jobs }: Workflow): Job[] => Object.values(jobs).filter((one) => 'steps' in one)

/** All that shells are given to run. */
export const scriptsOf = (flow: Workflow): { run: string; env: Record<string, string> }[] =>
  jobsOf(flow).flatMap(({ steps, env = {} }) =>
    steps.flatMap((one) => ('run' in one ? [{ run: one.run, env: { ...env, ...one.env } }] : [])),
  )
