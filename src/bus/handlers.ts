import type { Delivery, Handler } from '../core/delivery.ts'
import type { DataOut, Schemas, TypeOf } from '../core/stream.ts'

/** A type that the stream declares, `*`, or a pattern. */
export type HandlerKey<S extends Schemas> = TypeOf<S> | '*' | WrittenPattern

type WrittenPattern = '>' | `${string}.>` | `${string}.*` | `*.${string}` | `${string}.*.${string}`

/**
 * A handler per type, per pattern of types, and for all the rest.
 *
 * - A type that the stream declares: its data is what the schema makes of it.
 * - A pattern, in which `*` stands for one token between dots and `>` for the rest (`user.*`, `user.>`, `*.created`):
 *   takes the declared types that it matches and that have no handler of their own nor a pattern that says more of
 *   them; its data is any of theirs. Where it matches none of the declared, it takes types that are not declared, with
 *   their data as it was written.
 * - `*` takes whatever has no handler yet, declared or not. Unlike in a pattern it does not stand for one token.
 *
 * What nobody takes follows the option `unhandled`.
 *
 * @example
 * const handlers: Handlers<typeof users.schemas, 'user.created' | 'user.*'> = {
 *   'user.created': async ({ event }) => welcome(event.data.email),
 *   'user.*': async ({ event }) => audit(event.type, event.data.userId),
 * }
 */
export type Handlers<S extends Schemas, K extends HandlerKey<S> = TypeOf<S> | '*'> = {
  readonly [P in K]?: P extends TypeOf<S>
    ? (delivery: Delivery<DataOut<S, P>>) => Promise<void> | void
    : P extends '*'
      ? Handler
      : (delivery: Delivery<DataOfPattern<S, P & string>>) => Promise<void> | void
}

/** The data of the declared types that a pattern matches; `unknown` where there is none. */
export type DataOfPattern<S extends Schemas, P extends string> = OrUnknown<
  { [K in TypeOf<S>]: Matches<K, P> extends true ? DataOut<S, K> : never }[TypeOf<S>]
>
type OrUnknown<T> = [T] extends [never] ? unknown : T

type Matches<Type extends string, P extends string> = P extends '>'
  ? true
  : P extends `${infer Token}.${infer Tokens}`
    ? Type extends `${infer Head}.${infer Tail}`
      ? MatchesToken<Head, Token> extends true
        ? Matches<Tail, Tokens>
        : false
      : false
    : Type extends `${string}.${string}`
      ? false
      : MatchesToken<Type, P>
type MatchesToken<Head extends string, Token extends string> = Token extends '*' | Head ? true : false
