// The page at work: what is asked for, what is shown, and how they are joined.

import { File } from "zpoints/file";
import { Geometry } from "zpoints/geometry";
import { Attributes, Axes, Path, Samples, Training, tabs } from "zpoints/panels";
import { $, Newest, facts, made, number, painted, percent, seldom, thumbs } from "zpoints/parts";
import { PlaneView, label } from "zpoints/plane";
import { Server } from "zpoints/server";
import { State } from "zpoints/state";

const WORDS = 100; // milliseconds between two descriptions of the point: nobody reads faster
const REST = 220; // milliseconds without a move, after which the slower questions are asked
const STEP = 0.1, WIDE_STEP = 0.5; // standard deviations of an arrow key

function told(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = false;
}

function failed(error) {
  told(error.message);
  console.error(error);
}

function wentWell() {
  $("trouble").hidden = true;
}

async function begin() {
  const data = $("data");
  const source = data ? new File(data.textContent, $("worker").textContent) : new Server();
  const { heading, arrays } = await source.start();
  data?.remove();
  const geometry = new Geometry({ heading, arrays });
  const state = new State(geometry);
  const page = { source, heading, arrays, geometry, state, failed };
  describe(page);
  page.view = planePart(page);
  page.coordinates = (z) => coordinatesOf(page, z);
  pointPart(page);
  const choose = tabs();
  new Axes(page);
  page.samples = new Samples(page);
  page.training = new Training({ ...page, seen: [...arrays.shown] });
  new Attributes(page);
  if (heading.codec || source.decodes) new Path(page); else $("tab-path").hidden = true;
  page.lassoed = (numbers) => {
    choose("tab-training");
    return page.training.select(numbers);
  };
  addressPart(page);
  state.read(location.hash);
  state.tell("plane", "point");
  page.training.show().catch(failed);
  window.zpointsSource = source; // for whoever wants to ask from the console
  document.documentElement.dataset.ready = "yes";
}

function describe({ source, heading }) {
  document.title = `${heading.name} · zpoints explorer`;
  $("name").textContent = heading.name;
  const dead = heading.dead.length ? `, ${heading.dead.length} of them constant` : "";
  $("summary").textContent = `${number(heading.n)} z-points of ${heading.d} components${dead}. ${heading.verdict[0] ?? ""}`;
  const without = (kind, there) => document.querySelectorAll(`.needs-${kind}`).forEach((element) => (element.hidden ||= !there));
  without("pictures", source.decodes || source.grids?.length);
  without("decoder", source.decodes);
  without("encoder", source.encodes);
  without("near", source.finds);
  $("footer").textContent = heading.notes?.join(" ") ?? "";
}

function coordinatesOf({ view, geometry }, z) {
  const { basis, axes, centre, scale } = view.plane;
  return axes.map((axis, k) => (geometry.coordinate(z, basis, axis) - centre[k]) / scale[k]);
}

function planePart(page) {
  const { state, geometry, heading, source } = page;
  const put = (u, v, begun) => {
    if (begun) state.remember();
    const { basis, axes, centre, scale } = view.plane;
    const z = geometry.moved(state.z, basis, axes[0], centre[0] + u * scale[0]);
    state.move(geometry.moved(z, basis, axes[1], centre[1] + v * scale[1]));
  };
  const key = (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!by || !view.plane) return;
    event.preventDefault();
    const step = event.shiftKey ? WIDE_STEP : STEP, [u, v] = coordinatesOf(page, state.z);
    put(u + by[0] * step, v + by[1] * step, !event.repeat);
  };
  const hoverer = new Newest(async (k) => showHover(page, k), failed);
  const hover = (k, x, y) => {
    page.hovered = k === null ? null : { k, x, y };
    if (k === null) $("hover").hidden = true; else hoverer.ask(k);
  };
  const lasso = (places) => page.lassoed(places.map((k) => page.arrays.shown[k])).catch(failed);
  const view = new PlaneView($("base"), $("overlay"), $("mark"), { move: put, key, hover, lasso });

  const planes = new Newest(async ({ basis, i, j }, late) => {
    const began = performance.now(), plane = await source.plane(basis, i, j);
    if (late()) return;
    const word = basis === "z" ? "component" : "principal axis";
    plane.names = [`${word} ${i}`, `${word} ${j}`];
    plane.sigmas = geometry.levels;
    view.chosen = new Set();
    view.show(plane);
    performance.measure("zpoints: plane", { start: began, end: performance.now() });
    planeWords(page, plane);
    state.tell("point");
    page.samples?.mark();
    wentWell();
  }, failed);
  state.listen((what) => {
    if (!what.includes("plane")) return;
    const { basis, i, j } = state.plane;
    $("basis").value = basis;
    $("axis-i").value = i;
    $("axis-j").value = j;
    $("axis-i").max = $("axis-j").max = (basis === "z" ? geometry.d : geometry.rank) - 1;
    planes.ask(state.plane);
  });
  state.listen((what) => {
    if (!what.includes("point") || !view.plane) return;
    view.point = coordinatesOf(page, state.z);
    view.placePoint();
  });
  const chosen = () => {
    const [basis, i, j] = [$("basis").value, Number($("axis-i").value), Number($("axis-j").value)];
    if (!state.valid(basis, i, j)) {
      const count = basis === "z" ? geometry.d : geometry.rank;
      return told(i === j ? "A plane needs two different axes." : `There is no such plane: take two living axes of 0 to ${count - 1}.`);
    }
    wentWell();
    state.remember();
    state.show(basis, i, j);
  };
  $("basis").addEventListener("change", () => {
    if ($("basis").value === "pca" && !state.valid("pca", Number($("axis-i").value), Number($("axis-j").value))) {
      [$("axis-i").value, $("axis-j").value] = [0, 1];
    }
    chosen();
  });
  for (const id of ["axis-i", "axis-j"]) $(id).addEventListener("change", chosen);
  $("plane-form").addEventListener("submit", (event) => (event.preventDefault(), chosen()));
  for (const { name, basis, planes: listed } of heading.lists) {
    const options = listed.map(([i, j, text]) => made("option", { value: `${basis},${i},${j}` }, `${i}, ${j}: ${text}`));
    $("jump").append(made("optgroup", { label: name }, ...options));
  }
  $("jump").addEventListener("change", ({ target }) => {
    if (!target.value) return;
    const [basis, i, j] = target.value.split(",");
    state.remember();
    state.show(basis, Number(i), Number(j));
  });
  $("lasso").addEventListener("click", () => {
    view.lassoing = !view.lassoing;
    $("lasso").setAttribute("aria-pressed", String(view.lassoing));
    $("plane-help").textContent = view.lassoing ? "Draw a line around some points: their pictures are shown."
      : "Drag the point, or move it by the arrow keys (with Shift in larger steps).";
  });
  $("undo").addEventListener("click", () => state.undo());
  $("reset").addEventListener("click", () => (state.remember(), state.move(geometry.centre())));
  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      state.undo();
    }
  });
  $("dots").addEventListener("change", ({ target }) => {
    view.dots = target.checked;
    view.redraw();
  });
  for (const { name } of heading.attributes) $("colour").append(made("option", { value: name }, name));
  $("colour").parentElement.hidden = !heading.attributes.length;
  $("colour").addEventListener("change", () => colour(page).catch(failed));
  return view;
}

async function colour({ view, source, heading }) {
  const name = $("colour").value, attribute = heading.attributes.find((one) => one.name === name);
  const legend = view.paint(attribute, name ? await source.attribute(name) : null);
  $("legend").replaceChildren(...legend.flatMap(([own, text]) => {
    const patch = made("span", { "aria-hidden": "true" }, "■ ");
    patch.style.color = own;
    return [patch, `${text}  `];
  }));
}

async function showHover(page, k) {
  const one = page.arrays.shown[k], [item] = await page.training.items([one]);
  if (page.hovered?.k !== k) return;
  const picture = item.image ? [painted(document.createElement("canvas"), item.image), made("br")] : [];
  $("hover").replaceChildren(...picture, item.text);
  $("hover").style.left = `${Math.min(page.hovered.x + 14, $("canvases").clientWidth - 90)}px`;
  $("hover").style.top = `${page.hovered.y + 14}px`;
  $("hover").hidden = false;
}

function planeWords({ heading, arrays }, plane) {
  const shares = heading.levels.map(({ sigma, normal }, k) => `${sigma}σ ${percent(plane.coverage[k])} (${percent(normal)})`);
  const dots = arrays.shown.length < heading.n ? `${number(arrays.shown.length)} of ${number(heading.n)} points drawn. ` : "";
  const rank = plane.measured ? `Place ${number(plane.measured.rank)} of ${number(plane.measured.planes)} among the least elliptic planes; `
    + `contours agree with their ellipses to ${plane.measured.agreement?.toFixed(2) ?? "?"}. ` : "";
  $("plane-facts").textContent = `${rank}r = ${plane.r.toFixed(2)}. Inside the ellipses (in brackets: of a normal pair): ${shares.join(", ")}. ${dots}`
    + `Filled: where ${heading.levels.map(({ normal }) => percent(normal, 0)).join(", ")} of them are densest; lines: ellipses of the same masses.`;
  $("overlay").setAttribute("aria-label", `Plane of ${plane.names.join(" and ")}`);
}

function pointPart(page) {
  const { state, geometry, source, heading, view } = page;
  let moved = 0, timer;
  const say = seldom(() => quickFacts(page), WORDS);
  const frames = new Newest(async (z, late) => {
    const asked = moved;
    if (source.decodes) {
      const [image] = await source.decode([z]);
      painted($("picture"), image);
      performance.measure("zpoints: picture", { start: asked, end: performance.now() });
    } else await preparedPicture(page, z);
    if (!late()) wentWell();
  }, failed);
  const shows = source.decodes || source.grids?.length;
  const rests = new Newest(async (z, late) => {
    const inside = geometry.shareInside(z);
    $("all-planes").textContent = heading.levels.map(({ sigma, normal }, k) => `${sigma}σ ${percent(inside[k])} (${percent(normal)})`).join(", ");
    if (source.finds) showNear(page, await source.near(z), late);
    if (source.encodes && !late()) {
      const { distance, picture } = await source.roundTrip(z);
      if (late()) return;
      painted($("again"), picture);
      $("again-text").textContent = `round trip: the Encoder puts the picture ${distance.toFixed(1)} Mahalanobis units away`;
    }
  }, failed);
  state.listen((what) => {
    if (!what.includes("point") || !view.plane) return;
    moved = performance.now();
    if (shows) frames.ask(state.z);
    say();
    clearTimeout(timer);
    timer = setTimeout(() => rests.ask(state.z), REST);
  });
}

function quickFacts(page) {
  const { state, geometry, view } = page, distance = geometry.distance(state.z), nearer = geometry.shareNearer(distance);
  const [u, v] = view.point, { r, field } = view.plane, held = field.held(field.at(u, v));
  const square = (u * u - 2 * r * u * v + v * v) / Math.max(1 - r * r, 1e-12);
  const law = nearer === undefined ? `${Math.sqrt(geometry.rank).toFixed(1)} is usual`
    : nearer === 0 ? "nearer to the centre than all z-points" : nearer === 1 ? "as far out as the farthest z-point, or farther"
    : `farther out than ${percent(nearer, nearer > 0.001 && nearer < 0.999 ? 1 : 3)} of the z-points`;
  const all = $("all-planes")?.textContent ?? "";
  facts("facts", [
    ["Mahalanobis distance", `${distance.toFixed(2)}, ${law}`],
    ["in this plane", `on the ellipse of ${Math.sqrt(square).toFixed(2)}σ; denser places hold ${percent(held)} of the z-points`],
    ["inside, of all planes", made("span", { id: "all-planes" }, all)],
    ["coordinates", view.plane.axes.map((axis) => `${axis}: ${label(geometry.coordinate(state.z, view.plane.basis, axis))}`).join(", ")],
  ]);
}

async function preparedPicture({ source, state, view, geometry }, z) {
  const { basis, i, j } = state.plane, image = await source.prepared(basis, i, j, ...view.point);
  $("picture").hidden = !image;
  if (image) painted($("picture"), image);
  const away = geometry.distance(z) > 0 && image;
  $("picture-text").textContent = image
    ? `decoded beforehand, the nearest of ${source.grids[0].steps ** 2} in this plane${away ? "; all other coordinates at the centre" : ""}`
    : `This file holds no Decoder, only pictures of these planes of principal axes: ${source.grids.map((grid) => `${grid.i}, ${grid.j}`).join("; ")}.`;
}

async function showNear(page, { numbers, distances, usual }, late) {
  const items = await page.training.items(numbers, distances.map((distance) => distance.toFixed(2)));
  if (late()) return;
  thumbs($("near"), items, (item) => page.training.go(item.number).catch(failed));
  const words = usual ? `Between neighbours among the z-points ${usual.toFixed(2)} is usual` : "";
  $("near-text").textContent = distances[0] === 0 ? `${words}; this is one of them.` : usual && distances[0] < 0.5 * usual
    ? `${words}: this picture is nearly a copy of the first.` : `${words}${words ? "." : ""}`;
}

function addressPart({ state }) {
  let timer, own;
  const write = () => {
    own = state.text;
    try {
      history.replaceState(null, "", own);
    } catch {
      // a notebook's frame has no address of its own
    }
  };
  state.listen(() => {
    clearTimeout(timer);
    timer = setTimeout(write, 300);
  });
  addEventListener("hashchange", () => {
    if (location.hash !== own) state.tell(...state.read(location.hash));
  });
}

begin().catch(failed);
