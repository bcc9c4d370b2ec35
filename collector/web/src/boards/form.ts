// What stands in the fields of the widget editor, and the widget that comes of it. Numbers are text until they are applied.

import {
  WIDGET_TYPES,
  type Across,
  type Aggregate,
  type Widget,
  type WidgetConfig,
  type WidgetType,
} from '../api/boards';
import { readNumber } from './fields';
import { COLUMNS, fit, HEIGHT_MAX, ROWS_MAX, WIDTH_MIN } from './grid';
import { lookOf } from './question';
import { b } from './words';

export interface Form {
  type: WidgetType;
  title: string;
  metrics: string[];
  resources: string[];
  attributes: Record<string, string>;
  aggregate: Aggregate | '';
  across: Across | '';
  period: string;
  unit: string;
  text: string;
  min: string;
  max: string;
  warning: string;
  critical: string;
  x: string;
  y: string;
  width: string;
  height: string;
}

export type Faulty = NumberField | 'title' | 'metrics';
export type NumberField = 'min' | 'max' | 'warning' | 'critical' | 'x' | 'y' | 'width' | 'height';

const written = (value: number | undefined) => (value === undefined ? '' : String(value));

export function formOf(widget: Widget): Form {
  const { config, position, title } = widget;
  const look = lookOf(widget);
  return {
    type: WIDGET_TYPES.find((type) => type === look) ?? 'line',
    title,
    metrics: [...(config.metrics ?? [])],
    resources: [...(config.resources ?? [])],
    attributes: { ...config.attributes },
    aggregate: config.aggregate ?? '',
    across: config.across ?? '',
    period: config.period ?? '',
    unit: config.unit ?? '',
    text: config.text ?? '',
    min: written(config.min),
    max: written(config.max),
    warning: written(config.warning),
    critical: written(config.critical),
    x: String(position.x + 1),
    y: String(position.y + 1),
    width: String(position.width),
    height: String(position.height),
  };
}

/** Whether a type asks for figures. */
export function isMeasured(type: WidgetType): boolean {
  return type !== 'text' && type !== 'status';
}

const RANGES: Record<'x' | 'y' | 'width' | 'height', readonly [number, number]> = {
  x: [1, COLUMNS],
  y: [1, ROWS_MAX],
  width: [WIDTH_MIN, COLUMNS],
  height: [1, HEIGHT_MAX],
};

/** What is wrong with a form, by field. */
export function faultsOf(form: Form): Partial<Record<Faulty, string>> {
  const m = b.peek();
  const faults: Partial<Record<Faulty, string>> = {};
  if (form.title.trim() === '') faults.title = m.needsTitle;
  if (isMeasured(form.type) && form.metrics.length === 0) faults.metrics = m.needsMetric;
  for (const field of ['min', 'max', 'warning', 'critical'] as const) {
    if (isMeasured(form.type) && readNumber(form[field]) === null) faults[field] = m.notNumber;
  }
  for (const field of ['x', 'y', 'width', 'height'] as const) {
    const value = readNumber(form[field]);
    const [low, high] = RANGES[field];
    if (value == null || !Number.isInteger(value) || value < low || value > high) faults[field] = m.fromTo(low, high);
  }
  const [min, max] = [readNumber(form.min), readNumber(form.max)];
  if (isMeasured(form.type) && min != null && max != null && min >= max) faults.max = m.minAboveMax;
  return faults;
}

/** The widget of a form without faults. What belongs to another type is left out. */
export function widgetOf(form: Form, before: Widget): Widget {
  const config: WidgetConfig = {};
  const { type } = form;
  if (type === 'text') config.text = form.text;
  if (type !== 'text' && form.resources.length > 0) config.resources = form.resources;
  if (isMeasured(type)) {
    config.metrics = form.metrics;
    if (Object.keys(form.attributes).length > 0) config.attributes = form.attributes;
    if (form.aggregate !== '') config.aggregate = form.aggregate;
    if (form.across !== '') config.across = form.across;
    if (form.period !== '') config.period = form.period;
    if (form.unit.trim() !== '') config.unit = form.unit.trim();
    for (const field of ['min', 'max', 'warning', 'critical'] as const) {
      const value = readNumber(form[field]);
      if (value != null) config[field] = value;
    }
  }
  const position = fit({
    x: Number(form.x) - 1,
    y: Number(form.y) - 1,
    width: Number(form.width),
    height: Number(form.height),
  });
  return { id: before.id, widget_type: type, title: form.title.trim(), config, position };
}
