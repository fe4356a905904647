import { conformance } from './conformance.ts'
import { memoryAdapter } from './adapters/memory.ts'

conformance(memoryAdapter())
