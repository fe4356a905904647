/** With three digits, such as `0.412 ms`, `12.3 ms` or `1.2 s`. */
export const formatLatency = (ms: number): string =>
  ms < 999.5 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1_000).toPrecision(3))} s`
