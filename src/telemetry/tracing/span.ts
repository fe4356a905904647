import {
  context,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type SpanOptions,
  type Tracer,
} from '@opentelemetry/api'
import { Postpone } from '../../core/delivery.ts'
import { errorName, toError } from '../../core/errors.ts'
import { presentWords } from '../redact.ts'

export interface SpanStart extends SpanOptions {
  name: string
  /** What it is part of; what runs here, unless told otherwise. */
  parent?: Context
}

/** Runs work in a span, which fails where the work throws. */
export async function inSpan<T>(
  tracer: Tracer,
  { name, parent = context.active(), ...options }: SpanStart,
  run: (span: Span) => Promise<T> | T,
): Promise<T> {
  const span = tracer.startSpan(name, options, parent)
  try {
    return await context.with(trace.setSpan(parent, span), () => run(span))
  } catch (thrown) {
    // What is postponed has not failed: it waits for something, and spends no attempt.
    if (!(thrown instanceof Postpone)) fail(span, thrown)
    throw thrown
  } finally {
    span.end()
  }
}

/** Says why the work of a span failed, in the words that a log would have: without secrets and values of rows. */
export function fail(span: Span, thrown: unknown): void {
  const error = toError(thrown)
  const { message, stack = '' } = presentWords(error)
  span.recordException({ name: String(error.name), message, stack })
  span.setAttribute('error.type', errorName(error))
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}
