/** Small hands for the page. */

/** The element with an id; its absence is a mistake of ours. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const element = document.getElementById(id);
  if (!element) {
    throw new Error(`The page has no #${id}.`);
  }
  return element as E;
}

type Child = Node | string | number | undefined | false;

/** Makes an element. Strings become text, never markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | undefined> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.filter((child): child is Node | string | number => child !== undefined && child !== false).map(asNode));
  return element;
}

function asNode(child: Node | string | number): Node | string {
  return typeof child === 'number' ? String(child) : child;
}

/** Shows or hides. */
export function show(element: HTMLElement, isShown: boolean): void {
  element.hidden = !isShown;
}

/** Puts another drawing into a button. */
export function drawing(button: HTMLElement, name: string): void {
  button.querySelector('use')?.setAttribute('href', `#i-${name}`);
}

let toastTimer: ReturnType<typeof setTimeout> | undefined;

/** Says something for a moment. */
export function toast(text: string): void {
  const element = byId('toast');
  element.textContent = text;
  element.classList.add('shown');
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => element.classList.remove('shown'), 3500);
}

/** Says something that stays until it is mended. */
export function notice(text: string | undefined): void {
  const element = byId('notice');
  element.textContent = text ?? '';
  show(element, Boolean(text));
}

/** Copies, or selects where copying is forbidden. */
export async function copy(text: string, field?: HTMLInputElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast('Copied');
  } catch {
    field?.select();
    toast('Press Ctrl+C or ⌘C to copy');
  }
}

/** A drawing of the page. */
export function icon(name: string): SVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}
