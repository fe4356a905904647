import { expect, it } from 'vitest'
import { PipelineMetrics } from '../src/telemetry/metrics/pipelines.ts'
import { RpcMetrics } from '../src/telemetry/metrics/rpc.ts'
import { ServiceMetrics } from '../src/telemetry/metrics/service-metrics.ts'

/** Of a service with all roles. */
const metrics = new ServiceMetrics({
  version: '1.0.0',
  ready: () => false,
  streams: [],
  redis: () => undefined,
  redisCircuit: () => 'closed',
  workers: () => [],
  outboxAgeMs: () => undefined,
  rpc: new RpcMetrics(() => []),
  pipelines: new PipelineMetrics(() => []),
  app: [],
}).describe()

it('docs/metrics.md says what is exported (written anew by `npx vitest run test/metrics-page.test.ts -u`)', async () => {
  await expect(page()).toMatchFileSnapshot('../docs/metrics.md')
})

it('every metric has a help text that is a sentence', () => {
  for (const { name, help } of metrics) expect(`${name}: ${help}`).toMatch(/: [A-Z0-9].{15,}\.$/)
})

function page(): string {
  const rows = metrics.map(({ name, kind, labels, help }) => {
    const shown = labels.map((label) => `\`${label}\``).join(' ')
    return `| \`${name}\` | ${kind} | ${shown} | ${help} |`
  })
  return `# Metrics

\`GET /metrics\` answers them in the text format of Prometheus, without a key, and is never rate-limited. With
\`METRICS_PORT\` they have, together with health, a port of their own, and are not at that of the service. With
\`METRICS_ENABLED=false\` there are none.

| metric | kind | labels | what it says |
| --- | --- | --- | --- |
${rows.join('\n')}

Beside them are those of the process by which Prometheus clients for Node.js are known: \`process_*\` (CPU, memory, file
descriptors) and \`nodejs_*\` (event loop, heap, garbage collection).

## How to read them

- What Redis tells (\`redis_stream_*\`, lag, retries, dead letters) every instance of a service tells alike. Take the
  maximum, never the sum: \`max by (stream, group) (millrace_group_lag)\`. Counters are each instance's own: take the sum.
- \`millrace_group_lag\` is exact or absent. So a rule on it needs a second one: \`millrace_group_lag_known == 0\`.
- Redis is asked at most once in 3 seconds, for at most 2 seconds and a fifth of the time, and about at most 1,000 streams, 100 groups of each, and the
  consumers of groups that have at most 200. While it does not answer \`millrace_redis_connected\` is 0 and nothing is
  shown that it would tell; a scrape is answered all the same.
- A metric has at most 1,000 sets of labels. What is beyond is dropped, and
  \`millrace_metric_samples_dropped_total\` says so.
- Counters of workers do not go back when a worker is replaced. They begin at 0 with the process, as \`rate\` expects.

## Of an app

\`\`\`ts
import { counter, defineApp } from 'millrace'

const signups = counter({ name: 'signups_total', help: 'Users who signed up.', labels: ['plan'] })

export default defineApp({ metrics: [signups] })

signups.inc({ plan: 'free' }) // anywhere, such as in a handler
\`\`\`

There are \`counter\`, \`gauge\` and \`histogram\`. A mistake in a declaration is an error at once; a call never fails.
`
}
