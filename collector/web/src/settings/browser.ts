// What a session's browser is, in words, from what it calls itself.

/** In this order: those that also claim to be another come first. */
const BROWSERS: readonly [RegExp, string][] = [
  [/\bEdgA?\/|\bEdgiOS\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/\bHeadlessChrome\/|\bChrom(e|ium)\/|\bCriOS\//, 'Chrome'],
  [/\bVersion\/[\d.]+.*\bSafari\//, 'Safari'],
];

const SYSTEMS: readonly [RegExp, string][] = [
  [/\bAndroid\b/, 'Android'],
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];

/** Longer names of programs are cut. */
const NAME_MAX = 40;

/** Browser and system, or the name of the program; null when it said nothing. */
export function browserOf(agent: string | null): [name: string, system: string | null] | null {
  if (agent === null || agent.trim() === '') return null;
  const first = (rows: typeof BROWSERS) => rows.find(([sign]) => sign.test(agent))?.[1] ?? null;
  const name = first(BROWSERS) ?? agent.trim().split(/[\s/]/)[0]?.slice(0, NAME_MAX) ?? '';
  return [name, first(SYSTEMS)];
}
