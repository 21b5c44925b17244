import { createFrameBuilder, type FrameBuilder } from '../core/frame-builder.ts';
import { eventLayouts, type EventLayout } from './layouts.gen.ts';

const columnsOfLayout = ({ fields }: EventLayout): readonly string[] =>
  fields.flatMap(({ name, width, role }) =>
    role === 'list' ? [name, `${name}Kept`] : role === 'number' && width === 8 ? [`${name}Lo`, `${name}Hi`] : [name],
  );

const columnsByKind = new Map<number, readonly string[]>(
  Object.values(eventLayouts).map((layout): [number, readonly string[]] => [layout.kind, columnsOfLayout(layout)]),
);

/** A builder of kernel frames: every kind has all the columns of its layout, those that a row does not name are 0. */
export const createKernelFrameBuilder = (options: { readonly wallOffsetNs: bigint; readonly sequence?: number }): FrameBuilder =>
  createFrameBuilder({ ...options, columnsOf: (kind) => columnsByKind.get(kind) ?? [] });
