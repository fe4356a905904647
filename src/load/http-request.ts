import { METHODS, validateHeaderName, validateHeaderValue } from 'node:http'
import { collectIssues, InvalidError, type Issue } from '../core/errors.ts'
import { Template } from './template.ts'

export interface HttpRequestOptions {
  /** `http:` or `https:`; what is behind the host may be a template. */
  url: string
  /** GET, or POST where there is a body. */
  method?: string
  /** Each value may be a template. */
  headers?: readonly (readonly [name: string, value: string])[]
  /** A template. Sent as application/json unless a header says otherwise. */
  body?: string
}

/** What goes out, rendered for one request. */
export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

export interface RequestTemplate {
  readonly origin: URL
  readonly method: string
  render(n: number): HttpRequest
}

/** @throws InvalidError `CONFIGURATION_INVALID` with every mistake */
export function requestTemplate(options: HttpRequestOptions): RequestTemplate {
  const issues: Issue[] = []
  const [, host = '', path = ''] = /^(https?:\/\/[^/?#\s]+)([^#]*)/i.exec(options.url) ?? []
  const origin = collectIssues(issues, () => readOrigin(host))
  const method = (options.method ?? (options.body === undefined ? 'GET' : 'POST')).toUpperCase()
  if (!METHODS.includes(method)) issues.push({ path: 'method', message: `there is no method ${method}` })
  const template = (text: string) => collectIssues(issues, () => new Template(text))
  const parts = {
    path: template(path.startsWith('/') ? path : `/${path}`),
    body: options.body === undefined ? undefined : template(options.body),
    headers: readHeaders(options, issues, template),
  }
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'such a request can not be made', issues)
  return { origin: origin!, method, render: renderer(method, parts as Parts) }
}

interface Parts {
  path: Template
  body: Template | undefined
  headers: readonly (readonly [name: string, value: Template])[]
}

/** What is the same for all requests is rendered once. */
function renderer(method: string, { path, body, headers }: Parts): (n: number) => HttpRequest {
  const render = (n: number): HttpRequest => {
    const text = body?.render(n)
    const named: Record<string, string> = {}
    for (const [name, value] of headers) named[name] = value.render(n)
    if (text !== undefined) named['content-length'] = String(Buffer.byteLength(text))
    return { method, path: escaped(path.render(n)), headers: named, body: text }
  }
  const fixed = [path, body, ...headers.map(([, value]) => value)].every((part) => part?.fixed !== false)
  if (!fixed) return render
  const always = render(1)
  return () => always
}

function readOrigin(host: string): URL {
  const origin = URL.canParse(host) ? new URL(host) : undefined
  if (!origin) throw new Error('the URL must be one of http: or https:, such as http://localhost:8000/health')
  if (origin.username || origin.password)
    throw new Error('the URL must not hold a password: send it by --header, such as "authorization: Basic …"')
  return origin
}

function readHeaders(
  { headers = [], body }: HttpRequestOptions,
  issues: Issue[],
  template: (text: string) => Template | undefined,
) {
  const lowered = headers.map(([name, value]) => [name.toLowerCase(), value] as const)
  for (const [name, value] of lowered) {
    collectIssues(issues, () => {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    })
  }
  const typed = body === undefined || lowered.some(([name]) => name === 'content-type')
  const all = typed ? lowered : [...lowered, ['content-type', 'application/json'] as const]
  return all.map(([name, value]) => [name, template(value)] as const)
}

/** A path may hold what a template makes; what no request line may hold is escaped. */
const escaped = (path: string): string =>
  path.replace(/[^\u0021-\u007e]+/gu, (text) => encodeURIComponent(text.toWellFormed()))
