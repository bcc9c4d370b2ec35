// Icons on one 16 px grid with a 1.5 px stroke, and the lighthouse.

const circle = (x: number, y: number, r: number) =>
  `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
const box = (x: number, y: number, w: number, h: number) => `M${x} ${y}h${w}v${h}h${-w}z`;

const PATHS = {
  grid: box(2, 2, 5, 5) + box(9, 2, 5, 5) + box(2, 9, 5, 5) + box(9, 9, 5, 5),
  server: `${box(2, 2.5, 12, 4.6)}${box(2, 8.9, 12, 4.6)}M4.8 4.8h.01M4.8 11.2h.01M8 4.8h3.4M8 11.2h3.4`,
  box: 'M8 1.8 13.7 4.8v6.4L8 14.2l-5.7-3V4.8L8 1.8ZM2.3 4.8 8 8l5.7-3.2M8 8v6.2',
  unit: `${circle(8, 8, 2.1)}M8 1.8v1.7M8 12.5v1.7M14.2 8h-1.7M3.5 8H1.8M12.4 3.6l-1.2 1.2M4.8 11.2l-1.2 1.2M12.4 12.4l-1.2-1.2M4.8 4.8 3.6 3.6`,
  layers: 'M8 2 2 5.2l6 3.2 6-3.2L8 2ZM2 8.2l6 3.2 6-3.2M2 11l6 3.2 6-3.2',
  globe: `${circle(8, 8, 6)}M2 8h12M8 2c1.8 1.7 2.6 3.7 2.6 6S9.8 12.3 8 14c-1.8-1.7-2.6-3.7-2.6-6S6.2 3.7 8 2Z`,
  search: `${circle(7, 7, 4.5)}M10.5 10.5l3.3 3.3`,
  chev: 'M4.5 6.3l3.5 3.5 3.5-3.5',
  chevr: 'M6.3 4.5l3.5 3.5-3.5 3.5',
  chevl: 'M9.7 4.5 6.2 8l3.5 3.5',
  clock: `${circle(8, 8, 6)}M8 4.6V8l2.3 1.5`,
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2v9.6l7.5-4.8L5 3.2Z',
  refresh: 'M13.3 6.5A5.6 5.6 0 0 0 3 5.6M2.7 9.5a5.6 5.6 0 0 0 10.3.9M13.6 3v3.6H10M2.4 13V9.4H6',
  moon: 'M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z',
  sun: `${circle(8, 8, 2.8)}M8 1.5v1.3M8 13.2v1.3M14.5 8h-1.3M2.8 8H1.5M12.6 3.4l-.9.9M4.3 11.7l-.9.9M12.6 12.6l-.9-.9M4.3 4.3l-.9-.9`,
  up: 'M8 13V3.5M4 7.2l4-4 4 4',
  down: 'M8 3v9.5M4 8.8l4 4 4-4',
  check: 'M3.2 8.6l3.2 3.2 6.4-7',
  x: 'M4 4l8 8M12 4l-8 8',
  warn: 'M8 2.3 14.3 13H1.7L8 2.3ZM8 6.5v3M8 11.3h.01',
  crit: 'M5.4 1.8h5.2l3.6 3.6v5.2l-3.6 3.6H5.4l-3.6-3.6V5.4l3.6-3.6ZM8 4.9v3.7M8 11h.01',
  info: `${circle(8, 8, 6)}M8 7.4v3.7M8 4.9h.01`,
  ghost: `${circle(8, 8, 6)}M8 8h.01`,
  eye: `M1.7 8S4 3.7 8 3.7 14.3 8 14.3 8 12 12.3 8 12.3 1.7 8 1.7 8Z${circle(8, 8, 1.9)}`,
  copy: `${box(5.5, 5.5, 8, 8)}M3.5 10.5h-1V2.5h8v1`,
  trash: 'M3 4.5h10M6.3 4.5V2.8h3.4v1.7M4.3 4.5l.6 8.7h6.2l.6-8.7M6.8 7.2v3.4M9.2 7.2v3.4',
  key: `${circle(5.3, 10.7, 2.8)}M7.4 8.6 13 3M10.8 5.2l2 2`,
  shield: 'M8 1.9 13 3.8v4c0 3.1-2.1 5.3-5 6.4-2.9-1.1-5-3.3-5-6.4v-4L8 1.9Z',
  undo: 'M5.5 3l-3 3 3 3M2.5 6h6.8a3.7 3.7 0 0 1 0 7.4H6',
  filter: 'M2 3.5h12L9.5 8.8v4l-3 1.2V8.8L2 3.5Z',
  cpu: `${box(4, 4, 8, 8)}M6.5 1.8V4M9.5 1.8V4M6.5 12v2.2M9.5 12v2.2M1.8 6.5H4M1.8 9.5H4M12 6.5h2.2M12 9.5h2.2`,
  mem: `${box(1.8, 4.5, 12.4, 6.5)}M4.5 7v1.5M7 7v1.5M9.5 7v1.5M12 7v1.5M4 11v1.7M8 11v1.7M12 11v1.7`,
  net: 'M5 13V3M2.5 5.5 5 3l2.5 2.5M11 3v10M8.5 10.5 11 13l2.5-2.5',
  disk: 'M3.3 3h9.4l1.5 6.2V12a1 1 0 0 1-1 1H2.8a1 1 0 0 1-1-1V9.2L3.3 3ZM1.8 9.3h12.4M11 11.2h.7',
  gauge: `M2.8 12.3a6.3 6.3 0 1 1 10.4 0M8 9.5l2.8-3.3${circle(8, 9.8, 0.8)}`,
  line: 'M2 2.5V13.5H14M4.5 10.5 7.3 7l2.2 2 3.8-4.5',
  table: `${box(2, 2.5, 12, 11)}M2 6.5h12M2 10h12M7 6.5v7`,
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 12h11',
  plug: 'M6 2v3.5M10 2v3.5M4.5 5.5h7V8a3.5 3.5 0 0 1-7 0V5.5ZM8 11.5V14',
  keyboard: `${box(1.5, 4, 13, 8)}M4 6.8h.01M6.7 6.8h.01M9.3 6.8h.01M12 6.8h.01M5 9.5h6`,
  exit: 'M6.5 2.5h-4v11h4M6.5 8h7M10.5 5l3 3-3 3',
  pulse: 'M1.5 8.5h3l2-5.5 3.2 10 1.8-4.5h3',
  bug: 'M5.5 6.2a2.5 2.5 0 0 1 5 0v3.6a2.5 2.5 0 0 1-5 0ZM5.5 8h-3M13.5 8h-3M5.6 5.6 3.4 3.8M10.4 5.6l2.2-1.8M5.6 10.6l-2.2 1.8M10.4 10.6l2.2 1.8M8 4V2.6',
  list: 'M2.5 4h.01M2.5 8h.01M2.5 12h.01M5.5 4h8M5.5 8h8M5.5 12h8',
  heart: 'M8 13.4 2.9 8.5a3.2 3.2 0 0 1 4.5-4.6l.6.6.6-.6a3.2 3.2 0 0 1 4.5 4.6Z',
  eyeoff:
    'M2.5 2.5l11 11M6.6 4a6 6 0 0 1 1.4-.2c4 0 6.3 4.2 6.3 4.2a10 10 0 0 1-1.8 2.3M4.3 5.2A10 10 0 0 0 1.7 8S4 12.2 8 12.2a6 6 0 0 0 2.9-.7',
  db: 'M3 4c0-1.1 2.2-2 5-2s5 .9 5 2-2.2 2-5 2-5-.9-5-2ZM3 4v8c0 1.1 2.2 2 5 2s5-.9 5-2V4M3 8c0 1.1 2.2 2 5 2s5-.9 5-2',
  users: `${circle(6, 5.3, 2.5)}M1.5 13.3c.4-2.6 2.1-3.9 4.5-3.9s4.1 1.3 4.5 3.9M10.7 3a2.5 2.5 0 0 1 0 4.6M12 9.8c1.4.5 2.2 1.7 2.5 3.5`,
  ext: 'M6.5 3H3v10h10V9.5M9.5 2.8h3.7v3.7M13 3 7.5 8.5',
  board: `${box(2, 2.5, 12, 11)}M2 6h12M6.5 6v7.5`,
  download: 'M8 2.5v7.8M4.8 7.2 8 10.4l3.2-3.2M2.8 13.3h10.4',
  bell: 'M4 11.5V7a4 4 0 0 1 8 0v4.5l1.2 1.5H2.8L4 11.5ZM6.6 13c.3 1.4 2.5 1.4 2.8 0',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      class="i"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      stroke-dasharray={name === 'ghost' ? '2.4 2.2' : undefined}
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The lighthouse; its light takes the colour of the status class around it. */
export function Mark({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" class="mark">
      <rect width="24" height="24" rx="5.5" class="mark-sky" />
      <path d="M9.3 7 1.8 4.2v5.6zM14.7 7l7.5-2.8v5.6z" class="mark-light" />
      <rect x="9.2" y="4.8" width="5.6" height="4.4" rx="1" class="mark-light" />
      <path d="M8.6 4.8 12 1.8l3.4 3zM7.6 9.2h8.8v1.9H7.6zM9 11.1h6l1.6 11.1H7.4z" class="mark-tower" />
      <path d="M8.55 14.2h6.9l.4 2.8H8.150z" class="mark-band" />
    </svg>
  );
}
