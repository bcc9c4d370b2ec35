// One widget: its frame, its state, and what it shows. Asks for nothing before it has been on screen.

import { useEffect, useRef, useState } from 'preact/hooks';

import type { Widget } from '../api/boards';
import { num } from '../i18n/format';
import { nameOf } from '../state/scope';
import { Failed } from '../ui/card';
import { Empty, Skeleton } from '../ui/parts';
import { useWidget } from './data';
import type { Drag } from './drag';
import type { Draft } from './draft';
import { GaugeWidget, StatWidget } from './figures';
import { Frame } from './frame';
import { heightOf } from './grid';
import { drawnRows, PlotWidget } from './plots';
import { lookOf, type Look } from './question';
import { rowsOf } from './rows';
import { StatusWidget, TableWidget } from './tables';
import { Note } from './text';
import { b } from './words';

/** A little before it comes on screen. */
const NEARLY = '240px';
/** Head and margins of the card. */
const AROUND_PX = 60;

export interface EditPorts {
  draft: Draft;
  drag: Drag;
  open: (id: string) => void;
}

interface Props {
  widget: Widget;
  edit: EditPorts | null;
  style?: Record<string, string>;
}

/** Whether an element is on screen, or nearly; and whether it ever was. */
function useSeen() {
  const place = useRef<HTMLDivElement>(null);
  const [isSeen, see] = useState(false);
  const wasSeen = useRef(false);
  wasSeen.current ||= isSeen;
  useEffect(() => {
    if (!place.current) return;
    const observer = new IntersectionObserver((entries) => see(entries.some((one) => one.isIntersecting)), {
      rootMargin: NEARLY,
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return { place, isSeen, wasSeen: wasSeen.current };
}

export function WidgetCard({ widget, edit, style }: Props) {
  const { place, isSeen, wasSeen } = useSeen();
  return (
    <div class="wg-place" ref={place} style={style}>
      {wasSeen ? <Content widget={widget} edit={edit} isSeen={isSeen} /> : <Frame widget={widget} edit={edit} />}
    </div>
  );
}

interface ContentProps {
  widget: Widget;
  edit: EditPorts | null;
  isSeen: boolean;
}

function Content({ widget, edit, isSeen }: ContentProps) {
  const m = b.value;
  const look = lookOf(widget);
  const { config, widget_type: type } = widget;
  if (!['text', 'status', 'unknown'].includes(look)) {
    return <Filled widget={widget} edit={edit} look={look} isSeen={isSeen} />;
  }
  return (
    <Frame widget={widget} edit={edit}>
      {look === 'text' && <Note text={config.text ?? ''} />}
      {look === 'status' && <StatusWidget widget={widget} />}
      {look === 'unknown' && (
        <Empty icon="ghost" title={m.unknownType} text={m.unknownTypeText(config.chart_type ?? type)} />
      )}
    </Frame>
  );
}

function Filled({ widget, edit, look, isSeen }: ContentProps & { look: Look }) {
  const m = b.value;
  const data = useWidget(widget, isSeen);
  const { answer } = data;
  const found = answer.isOld && answer.failure === null ? null : answer.data;
  const isPlot = look === 'line' || look === 'bar';
  const drawn = found ? drawnRows(found, nameOf) : null;
  const rows = found && drawn ? (isPlot ? drawn.rows : rowsOf(found.series, nameOf)) : [];
  const note =
    isPlot && drawn && drawn.all > drawn.rows.length ? m.shownOf(num(drawn.rows.length), num(drawn.all)) : undefined;
  const body = () => {
    if (!found) {
      if (answer.failure !== null) return <Failed text={answer.failure} onRetry={answer.retry} />;
      return <Skeleton height={Math.max(24, heightOf(widget.position.height) - AROUND_PX)} />;
    }
    if (found.reason === 'denied') return <Empty icon="shield" title={m.denied} text={m.deniedText} />;
    if (found.reason === 'unset') return <Empty icon="info" title={m.unset} text={m.unsetText} />;
    if (found.reason === 'unknown')
      return <Empty icon="ghost" title={m.unknownResource} text={m.unknownResourceText} />;
    if (rows.length === 0) return <Empty icon="ghost" title={m.noData} text={m.noDataText} />;
    switch (look) {
      case 'stat':
        return <StatWidget widget={widget} data={data} found={found} rows={rows} />;
      case 'gauge':
        return <GaugeWidget widget={widget} data={data} found={found} rows={rows} />;
      case 'table':
        return <TableWidget widget={widget} found={found} rows={rows} />;
      default:
        return <PlotWidget widget={widget} look={look} data={data} found={found} rows={rows} />;
    }
  };
  const isStale = found !== null && answer.failure !== null;
  return (
    <Frame widget={widget} edit={edit} class={isStale ? 'stale' : ''} note={note}>
      {body()}
    </Frame>
  );
}
