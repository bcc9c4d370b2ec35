// Values as lines, and where a masked field stands.

import { describe, expect, it } from 'vitest';

import { LINES_MAX, MASK, pretty } from './value';

const text = (value: unknown, format = 'json', masked: string[] = []) =>
  pretty(value, format, masked).lines.map((line) => '  '.repeat(line.indent) + line.parts.map((p) => p.text).join(''));

describe('a value', () => {
  it('is indented like JSON, with short lists on one line', () => {
    expect(text({ id: 7, flags: ['a', 'b'], deep: { none: null, empty: {} } })).toEqual([
      '{',
      '  "id": 7,',
      '  "flags": ["a", "b"],',
      '  "deep": {',
      '    "none": null,',
      '    "empty": {}',
      '  }',
      '}',
    ]);
  });

  it('is read from its text, and stays text where it is none', () => {
    expect(text('{"a":1}')).toEqual(['{', '  "a": 1', '}']);
    expect(text('one\ntwo', 'text')).toEqual(['one', 'two']);
    expect(text('{half')).toEqual(['"{half"']);
  });

  it('never shows a masked field, wherever it is', () => {
    const value = { email: '', user: { email: '••••', name: 'ana' }, items: [{ token: 5 }] };
    const shown = pretty(value, 'json', ['email', 'user.email', 'items[0].token', 'gone']);
    expect(shown.lines.flatMap((line) => line.masked ?? [])).toEqual(['email', 'user.email', 'items[0].token']);
    expect(shown.others).toEqual(['gone']);
    expect(text(value, 'json', ['email'])).toContain(`  "email": "${MASK}",`);
    expect(pretty(9, 'json', ['value']).lines[0]?.masked).toBe('value');
  });

  it('is bounded', () => {
    const many = Array.from({ length: LINES_MAX * 2 }, (_, i) => ({ i }));
    expect(pretty(many, 'json', [])).toMatchObject({ isCut: true, lines: { length: LINES_MAX } });
  });
});
