// Icons of these pages alone, on the grid of the others: the first page does not carry them.

const circle = (x: number, y: number, r: number) =>
  `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

const PATHS = {
  drag: 'M6 3.5h.01M10 3.5h.01M6 8h.01M10 8h.01M6 12.5h.01M10 12.5h.01',
  edit: 'M10.8 2.8 13.2 5.2 5.6 12.8l-3.1.7.7-3.1ZM9.3 4.3l2.4 2.4',
  resize: 'M4.5 4.5 11 11M11 6.5V11H6.5',
  dots: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  stat: 'M3 5.5 5 4v8M9 5.3C9 3.4 13 3.4 13 6c0 2-4 3.4-4 6h4.2',
  bar: 'M3 13.5V8M8 13.5V3M13 13.5V6',
  text: 'M3 5V3h10v2M8 3v10M6 13h4',
  upload: 'M8 10.4V2.6M4.8 5.7 8 2.5l3.2 3.2M2.8 13.3h10.4',
  share: `${circle(12, 3.6, 1.8)}${circle(4, 8, 1.8)}${circle(12, 12.4, 1.8)}M5.6 7.1l4.8-2.6M5.6 8.9l4.8 2.6`,
  link: 'M6.8 9.2a2.7 2.7 0 0 0 3.9 0l2-2a2.75 2.75 0 0 0-3.9-3.9l-.8.8M9.2 6.8a2.7 2.7 0 0 0-3.9 0l-2 2a2.75 2.75 0 0 0 3.9 3.9l.8-.8',
} as const;

export type GlyphName = keyof typeof PATHS;

export function Glyph({ name, size = 16 }: { name: GlyphName; size?: number }) {
  return (
    <svg
      class="i"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width={name === 'drag' || name === 'dots' ? 2 : 1.5}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
