export const SINKS = ['file', 'jsonl', 'postgres', 'webhook', 'event-hubs', 'stream'] as const
export type SinkName = (typeof SINKS)[number]
