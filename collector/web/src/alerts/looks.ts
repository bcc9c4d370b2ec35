// Class and shape of a level: the shape is required, the colour is a help.

export function levelLook(level: string): { class: 'crit' | 'warn' | 'ok'; icon: 'crit' | 'warn' | 'check' } {
  if (level === 'critical') return { class: 'crit', icon: 'crit' };
  return level === 'warning' ? { class: 'warn', icon: 'warn' } : { class: 'ok', icon: 'check' };
}
