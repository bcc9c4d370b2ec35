// Icons of the alerts' pages alone, on the grid of the others.

const circle = (x: number, y: number, r: number) =>
  `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

const PATHS = {
  mute: 'M2.5 2.5l11 11M5.4 4A4 4 0 0 1 12 7v3M4.1 6.3 4 7v4.5L2.8 13h9.4M6.6 13c.3 1.4 2.5 1.4 2.8 0',
  rocket:
    'M9.8 10.6 5.4 6.2C6.7 3.4 9.400 2 13.800 2.200c.2 4.400-1.200 7.100-4 8.400ZM5.400 6.200 2.800 6.800l1.600 2M9.800 10.600l-.6 2.600-2-1.600M4.300 11.700 2.600 13.400',
  send: 'M14 2 7 9M14 2 9.500 14 7 9 2 6.500 14 2Z',
  hourglass: 'M4 2h8M4 14h8M5 2v2.500L8 8l3-3.500V2M5 14v-2.500L8 8l3 3.500V14',
  follows: 'M3 2.500v5a2 2 0 0 0 2 2h8M10 6.500l3 3-3 3',
  book: 'M8 4.200C6.600 3.200 4.600 2.800 2 3v9.400c2.600-.2 4.600.2 6 1.200 1.400-1 3.400-1.400 6-1.200V3c-2.600-.2-4.600.2-6 1.200ZM8 4.200v9.400',
  target: `${circle(8, 8, 5.8)}${circle(8, 8, 2.2)}`,
} as const;

export type SignName = keyof typeof PATHS;

export function Sign({ name, size = 16 }: { name: SignName; size?: number }) {
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
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
