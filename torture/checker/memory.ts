import { readEvidence } from '../evidence.ts'
import type { Report, Violation } from './report.ts'

/** Before that a process still compiles and fills its caches. */
const WARM_MS = 15_000
const MB = 1_048_576
/** What may come on top in a run that is too short for a trend. */
const ALLOWED_MB = 48
const ALLOWED_FACTOR = 1.5

/** The heap of processes of a kind is no larger in the last third of the run than in the first. */
export function checkMemory(folder: string): { violations: Violation[]; memory: Report['memory'] } {
  const samples = readSamples(folder)
  const memory: Record<string, { heap: [number, number]; resident: [number, number] }> = {}
  const violations: Violation[] = []
  for (const kind of ['publisher', 'worker']) {
    const own = samples.filter((sample) => sample.kind === kind && sample.age > WARM_MS)
    if (own.length < 20) continue
    const first = own.slice(0, Math.floor(own.length / 3))
    const last = own.slice(-first.length)
    const heap: [number, number] = [median(first, 'heap'), median(last, 'heap')]
    memory[kind] = { heap, resident: [median(first, 'resident'), median(last, 'resident')] }
    if (heap[1] > heap[0] * ALLOWED_FACTOR + ALLOWED_MB)
      violations.push({
        invariant: 'memory',
        subject: kind,
        expected: `a heap of about ${heap[0]} MB, as in the first third`,
        found: `${heap[1]} MB in the last third`,
      })
  }
  return { violations, memory }
}

interface Sample {
  kind: string
  age: number
  heap: number
  resident: number
}

function readSamples(folder: string): Sample[] {
  const born = new Map<string, number>()
  return readEvidence(folder, 'probes').map(([at, name, resident, heap]) => {
    if (!born.has(name!)) born.set(name!, Number(at))
    return {
      kind: name!.startsWith('p') ? 'publisher' : 'worker',
      age: Number(at) - born.get(name!)!,
      heap: Number(heap) / MB,
      resident: Number(resident) / MB,
    }
  })
}

function median(samples: readonly Sample[], what: 'heap' | 'resident'): number {
  const values = samples.map((sample) => sample[what]).sort((a, b) => a - b)
  return Math.round(values[values.length >> 1] ?? 0)
}
