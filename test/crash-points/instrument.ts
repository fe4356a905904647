import ts from 'typescript'

/** Something that is awaited in the sources: two points, one before it is started and one after it has settled. */
export interface Await {
  /** Where it stands, such as `worker/settler.ts:92:20`. */
  readonly place: string
  /** By what it is known though lines come and go: file, function and text, and which one where there are several. */
  readonly name: string
  readonly before: number
  readonly after: number
}

const MAX_SNIPPET = 48
const POINTS = '$points'

/**
 * Compiles one module, with a call at each point.
 *
 * @param options.file as it is called in names
 * @param options.points where to import the calls from; absent for a module without points
 * @param options.first the number of its first point
 */
export function instrument(
  source: string,
  options: { file: string; points?: string; first: number },
): { code: string; awaits: Await[] } {
  const { file, points, first } = options
  const awaits: Await[] = []
  const before = points === undefined ? [] : [withPoints(file, points, first, awaits)]
  const { outputText } = ts.transpileModule(source, {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
    transformers: { before },
  })
  return { code: outputText, awaits }
}

function withPoints(
  file: string,
  points: string,
  first: number,
  awaits: Await[],
): ts.TransformerFactory<ts.SourceFile> {
  return (context) => (source) => {
    const seen = new Map<string, number>()
    const note = (node: ts.Node, awaited: ts.Expression): Await => {
      const before = first + 2 * awaits.length
      const what = `${file} ${functionOf(node)}: ${snippetOf(source, awaited)}`
      const count = (seen.get(what) ?? 0) + 1
      seen.set(what, count)
      const { line, character } = source.getLineAndCharacterOfPosition(node.getStart(source))
      const place = `${file}:${line + 1}:${character + 1}`
      const noted = { place, name: count === 1 ? what : `${what} (${count})`, before, after: before + 1 }
      awaits.push(noted)
      return noted
    }
    const visit = (node: ts.Node): ts.Node => {
      if (ts.isAwaitExpression(node))
        return awaitWithPoints(note(node, node.expression), inside(node.expression))
      if (ts.isForOfStatement(node) && node.awaitModifier) {
        const { before, after } = note(node, node.expression)
        const items = call('each', before, after, inside(node.expression))
        const statement = ts.visitNode(node.statement, visit) as ts.Statement
        return ts.factory.updateForOfStatement(node, node.awaitModifier, node.initializer, items, statement)
      }
      return ts.visitEachChild(node, visit, context)
    }
    const inside = (expression: ts.Expression) => ts.visitNode(expression, visit) as ts.Expression
    const visited = ts.visitEachChild(source, visit, context)
    return ts.factory.updateSourceFile(visited, [importOf(points), ...visited.statements])
  }
}

/** `(hit(before), settled(after, await watched(after, X)))`: what is in X comes between the two. */
function awaitWithPoints({ before, after }: Await, awaited: ts.Expression): ts.Expression {
  const waited = ts.factory.createAwaitExpression(call('watched', after, awaited))
  return ts.factory.createParenthesizedExpression(
    ts.factory.createComma(call('hit', before), call('settled', after, waited)),
  )
}

function call(name: string, ...args: (number | ts.Expression)[]): ts.Expression {
  const callee = ts.factory.createPropertyAccessExpression(ts.factory.createIdentifier(POINTS), name)
  const values = args.map((arg) => (typeof arg === 'number' ? ts.factory.createNumericLiteral(arg) : arg))
  return ts.factory.createCallExpression(callee, undefined, values)
}

const importOf = (points: string): ts.Statement =>
  ts.factory.createImportDeclaration(
    undefined,
    ts.factory.createImportClause(
      undefined,
      undefined,
      ts.factory.createNamespaceImport(ts.factory.createIdentifier(POINTS)),
    ),
    ts.factory.createStringLiteral(points),
  )

const snippetOf = (source: ts.SourceFile, node: ts.Node): string => {
  const text = node.getText(source).replaceAll(/\s+/g, ' ')
  return text.length > MAX_SNIPPET ? `${text.slice(0, MAX_SNIPPET)}…` : text
}

/** The name of the nearest function that has one. */
function functionOf(node: ts.Node): string {
  for (let at: ts.Node | undefined = node.parent; at; at = at.parent) {
    if (ts.isConstructorDeclaration(at)) return 'constructor'
    if (ts.isMethodDeclaration(at) || ts.isFunctionDeclaration(at)) return at.name?.getText() ?? 'default'
    if (ts.isVariableDeclaration(at) || ts.isPropertyAssignment(at) || ts.isPropertyDeclaration(at))
      if (at.initializer && ts.isFunctionLike(at.initializer)) return at.name.getText()
  }
  return 'module'
}
