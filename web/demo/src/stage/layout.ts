/**
 * Where the pictures of a call go. Pure: numbers in, rectangles out, in CSS pixels.
 *
 * ```text
 *   pair               grid                    stage, wide            stage, tall
 *   ┌────────────┐     ┌─────┐ ┌─────┐         ┌──────────┐ ┌──┐      ┌───────┐
 *   │ other      │     │  1  │ │  2  │         │ first    │ │2 │      │ first │
 *   │       ┌───┐│     └─────┘ └─────┘         │          │ ├──┤      └───────┘
 *   │       │own││         ┌─────┐             │          │ │3 │      ┌─┐ ┌─┐ ┌─┐
 *   └───────┴───┘┘         │  3  │             └──────────┘ └──┘      │2│ │3│ │4│
 * ```
 */

export interface Rect {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Space {
  width: number;
  height: number;
}

/** `pair`: the other side, and oneself in a corner. `stage`: the first large, the others in a strip. */
export type Kind = 'pair' | 'grid' | 'stage';

/** Between tiles. */
const GAP = 10;

/** Tiles of a grid are between these shapes, width to height: faces stay whole. */
const NARROWEST = 0.72;
const WIDEST = 16 / 9;

/** Tiles of a strip. */
const STRIP_SHAPE = 16 / 10;
const STRIP = { share: 0.2, least: 92, most: 230 };

/** Rectangles for a number of tiles, the most important first. Those for which there is no room get none. */
export function arrange(kind: Kind, count: number, space: Space): (Rect | undefined)[] {
  if (count === 0 || space.width <= 0 || space.height <= 0) {
    return Array.from({ length: count }, () => undefined);
  }
  switch (kind) {
    case 'pair':
      return pair(count, space);
    case 'grid':
      return grid(count, space);
    case 'stage':
      return count === 1 ? [whole(space)] : stage(count, space);
  }
}

function whole({ width, height }: Space): Rect {
  return { left: 0, top: 0, width, height };
}

/** Oneself is the last tile. */
function pair(count: number, space: Space): (Rect | undefined)[] {
  if (count === 1) {
    return [whole(space)];
  }
  const isTall = space.height > space.width;
  const width = Math.round(Math.min(240, Math.max(104, space.width * (isTall ? 0.3 : 0.19))));
  const height = Math.round(width * (isTall ? 4 / 3 : 3 / 4));
  const corner = { left: space.width - width - 12, top: space.height - height - 12, width, height };
  return Array.from({ length: count }, (_, index) => (index === 0 ? whole(space) : index === count - 1 ? corner : undefined));
}

function grid(count: number, space: Space): Rect[] {
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const tile = fit(columns, Math.ceil(count / columns), space);
    if (tile.width * tile.height > best.width * best.height) {
      best = { columns, ...tile };
    }
  }
  const { columns, width, height } = best;
  const rows = Math.ceil(count / columns);
  const top = (space.height - rows * height - (rows - 1) * GAP) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = (space.width - inRow * width - (inRow - 1) * GAP) / 2;
    return round({ left: left + (index % columns) * (width + GAP), top: top + row * (height + GAP), width, height });
  });
}

/** The largest tile of an allowed shape in one cell. */
function fit(columns: number, rows: number, space: Space): Space {
  const width = (space.width - (columns - 1) * GAP) / columns;
  const height = (space.height - (rows - 1) * GAP) / rows;
  if (width <= 0 || height <= 0) {
    return { width: 0, height: 0 };
  }
  return { width: Math.min(width, height * WIDEST), height: Math.min(height, width / NARROWEST) };
}

function stage(count: number, space: Space): (Rect | undefined)[] {
  const isTall = space.height > space.width;
  const across = isTall ? space.height : space.width;
  const along = isTall ? space.width : space.height;
  const thickness = Math.round(Math.min(STRIP.most, Math.max(STRIP.least, across * STRIP.share)));
  const length = Math.round(isTall ? thickness * STRIP_SHAPE * 0.75 : thickness / STRIP_SHAPE);
  const room = Math.max(1, Math.floor((along + GAP) / (length + GAP)));
  const inStrip = Math.min(count - 1, room);
  const begin = (along - inStrip * length - (inStrip - 1) * GAP) / 2;
  const first = isTall
    ? { left: 0, top: 0, width: space.width, height: space.height - thickness - GAP }
    : { left: 0, top: 0, width: space.width - thickness - GAP, height: space.height };
  return Array.from({ length: count }, (_, index) => {
    if (index === 0) {
      return round(first);
    }
    const at = begin + (index - 1) * (length + GAP);
    return index > inStrip
      ? undefined
      : round(
          isTall
            ? { left: at, top: space.height - thickness, width: length, height: thickness }
            : { left: space.width - thickness, top: at, width: thickness, height: length },
        );
  });
}

function round({ left, top, width, height }: Rect): Rect {
  return { left: Math.round(left), top: Math.round(top), width: Math.floor(width), height: Math.floor(height) };
}
