// Where widgets stand.

import { describe, expect, it } from 'vitest';

import { byKey, fit, freePlace, overlaps, place, ROWS_MAX, settle } from './grid';

const at = (id: string, x: number, y: number, width: number, height: number) => ({
  id,
  position: { x, y, width, height },
});

function free(all: readonly { position: Parameters<typeof overlaps>[0] }[]): boolean {
  return all.every((a, i) => all.every((b, j) => i === j || !overlaps(a.position, b.position)));
}

describe('the grid', () => {
  it('keeps a widget within its twelve columns', () => {
    expect(fit({ x: 11, y: -3, width: 40, height: 0 })).toEqual({ x: 0, y: 0, width: 12, height: 1 });
    expect(fit({ x: 9.6, y: 500, width: 3, height: 20 })).toEqual({ x: 9, y: ROWS_MAX - 12, width: 3, height: 12 });
  });

  it('pushes down what stands in the way, and what that pushes', () => {
    const all = [at('a', 0, 0, 6, 2), at('b', 0, 2, 6, 2), at('c', 6, 0, 6, 2)];
    const next = place(all, 'c', { x: 3, y: 0, width: 6, height: 2 });
    expect(next.map(({ id, position }) => [id, position.x, position.y])).toEqual([
      ['a', 0, 2],
      ['b', 0, 4],
      ['c', 3, 0],
    ]);
    expect(free(next)).toBe(true);
    expect(all[0]?.position.y).toBe(0);
  });

  it('never lets two overlap, wherever one is put', () => {
    const all = [at('a', 0, 0, 4, 3), at('b', 4, 0, 8, 2), at('c', 0, 3, 12, 2), at('d', 4, 2, 3, 1)];
    for (let x = 0; x < 12; x += 1)
      for (let y = 0; y < 8; y += 1)
        expect(free(place(all, 'b', { x, y, width: 5, height: 4 })), `${x} ${y}`).toBe(true);
  });

  it('changes nothing when there is no room below', () => {
    const full = [at('a', 0, 0, 12, 1), ...Array.from({ length: 50 }, (_, i) => at(`f${i}`, 0, i * 4, 12, 4))].slice(1);
    expect(settle([...full, at('x', 0, 0, 12, 4)], 'x')).toBeNull();
    expect(place(full, 'f0', { x: 0, y: 0, width: 12, height: 8 })).toBe(full);
    expect(freePlace(full, 3, 2)).toBeNull();
  });

  it('finds the first free place', () => {
    expect(freePlace([at('a', 0, 0, 6, 2)], 6, 2)).toEqual({ x: 6, y: 0, width: 6, height: 2 });
    expect(freePlace([at('a', 0, 0, 7, 2)], 6, 2)).toEqual({ x: 0, y: 2, width: 6, height: 2 });
  });

  it('moves by arrows and resizes by Shift and arrows', () => {
    const here = { x: 8, y: 1, width: 4, height: 2 };
    expect(byKey(here, 'ArrowRight', false)).toEqual(here);
    expect(byKey(here, 'ArrowLeft', false)?.x).toBe(7);
    expect(byKey(here, 'ArrowRight', true)).toEqual(here);
    expect(byKey(here, 'ArrowDown', true)?.height).toBe(3);
    expect(byKey(here, 'Enter', true)).toBeNull();
  });
});
