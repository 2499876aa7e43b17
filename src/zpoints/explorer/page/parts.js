// Small pieces of the page.

export const $ = (id) => document.getElementById(id);

export function made(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function painted(canvas, image) {
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// A list of pictures that are buttons. `items` have `image` (or none), `text` for those who do not see it, `below`.
export function thumbs(list, items, chosen) {
  list.replaceChildren(...items.map((item) => {
    const inner = item.image ? painted(document.createElement("canvas"), item.image) : made("span", { className: "words" }, item.text);
    const button = made("button", { type: "button", "aria-label": item.text, title: item.text, onclick: () => chosen(item) }, inner);
    return made("li", {}, button, ...(item.below ? [made("div", {}, item.below)] : []));
  }));
}

// Terms and what is said of them.
export function facts(list, rows) {
  $(list).replaceChildren(...rows.flatMap(([term, text]) => [made("dt", {}, term), made("dd", {}, text)]));
}

// A slider with its name and value; `changed(value, begun)` is told of every move.
export function slider(name, { min, max, step = 0.05, value = 0, text = (v) => v.toFixed(2) }, changed) {
  const output = made("output", {}, text(value));
  const input = made("input", { type: "range", min, max, step, value, "aria-label": name });
  let begun = true;
  input.addEventListener("input", () => {
    output.textContent = text(Number(input.value));
    changed(Number(input.value), begun);
    begun = false;
  });
  input.addEventListener("change", () => (begun = true));
  const element = made("div", { className: "slider" }, made("span", { className: "label", title: name }, name), input, output);
  element.set = (v) => {
    input.value = v;
    output.textContent = text(v);
  };
  return element;
}

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

export const number = (value) => value.toLocaleString("en-US");

// Runs `work` on the newest value only: one at a time, and what is late is dropped.
export class Newest {
  constructor(work, failed) {
    Object.assign(this, { work, failed, busy: false, waiting: undefined });
  }

  ask(value) {
    this.waiting = { value };
    if (!this.busy) this.run();
  }

  async run() {
    this.busy = true;
    while (this.waiting) {
      const { value } = this.waiting;
      this.waiting = undefined;
      try {
        await this.work(value, () => this.waiting !== undefined);
      } catch (error) {
        this.failed(error);
      }
    }
    this.busy = false;
  }
}

// Calls `work` at once, and then at most once in so many milliseconds; the last call is never left out.
export function seldom(work, milliseconds) {
  let timer, again = false;
  const call = () => {
    if (timer) return void (again = true);
    work();
    timer = setTimeout(() => {
      timer = undefined;
      if (!again) return;
      again = false;
      call();
    }, milliseconds);
  };
  return call;
}

export function saved(bytes, name, type) {
  const link = made("a", { href: URL.createObjectURL(new Blob([bytes], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
