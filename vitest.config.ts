import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: {
    alias: [
      { find: /^millrace\/(\w+)$/, replacement: `${new URL('src', import.meta.url).pathname}/$1/index.ts` },
      { find: /^millrace$/, replacement: new URL('src/index.ts', import.meta.url).pathname },
    ],
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    // Real servers start and stop in the tests; on a busy machine that takes its time.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // For whoever wants the figures without reading the lines: .ci/run does.
    reporters: ['default', ['json', { outputFile: 'coverage/tests.json' }]],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // Fixtures run in processes of their own, which are not measured.
      exclude: ['src/**/*.test.ts', 'src/**/fixtures/**', 'src/**/index.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { lines: 90 },
    },
  },
})
