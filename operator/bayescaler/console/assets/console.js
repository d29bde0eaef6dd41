// The console's page: asks the operator every few seconds and shows what it says. Nothing is written, nothing else asked.
"use strict";

const KEY = "bayescaler.token", API = "api/objects";
const by = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
const DASH = "\u2013";

function made(name, space, attributes, children) {
  const node = space ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) if (value !== null) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
const el = (name, attributes, ...children) => made(name, false, attributes, children);
const svg = (name, attributes, ...children) => made(name, true, attributes, children);
const say = (node, text) => { if (node.textContent !== text) node.textContent = text; };

function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}s`;
  const [large, big, small, little] = s < 3600 ? [60, "m", 1, "s"] : s < 86400 ? [3600, "h", 60, "m"] : [86400, "d", 3600, "h"];
  const rest = Math.floor((s % large) / small);
  return `${Math.floor(s / large)}${big}${rest ? rest + little : ""}`;
}
const amount = (value, unit) => (value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))) + unit;
const percent = (share) => `${Number((share * 100).toPrecision(4))} %`;
const at = (seconds) => clock.format(seconds * 1000);

// ---- who asks, and what is asked

let timer = 0, asking = null, refreshSeconds = 15, whole = null, shownAt = null;
const token = () => sessionStorage.getItem(KEY);

function route() {
  const given = location.hash.match(/^#token=(.+)$/);
  if (given) {
    sessionStorage.setItem(KEY, decodeURIComponent(given[1]));
    history.replaceState(null, "", location.pathname + "#/");
  }
  const object = location.hash.match(/^#\/([^/]+)\/([^/]+)$/);
  return object ? { namespace: decodeURIComponent(object[1]), name: decodeURIComponent(object[2]) } : null;
}

function show(id) {
  for (const one of ["door", "list", "object"]) by(one).hidden = one !== id;
  by("leave").hidden = id === "door";
}

function signIn(why) {
  sessionStorage.removeItem(KEY);
  clearTimeout(timer);
  whole = null;
  document.title = "Bayescaler";
  for (const id of ["pulse", "object-title", "object-state"]) say(by(id), "");
  for (const id of ["facts", "chart", "story", "decisions"]) by(id).replaceChildren();
  drawn.clear();
  by("objects").tBodies[0].replaceChildren();
  alarm("");
  show("door");
  by("refused").hidden = !why;
  say(by("refused"), why || "");
  by("token").focus();
}

function alarm(text) {
  by("alarm").hidden = !text;
  say(by("alarm"), text);
}

async function refresh() {
  clearTimeout(timer);
  if (asking) asking.abort();
  const wanted = route();
  if (!token()) return signIn("");
  const mine = asking = new AbortController();
  const words = by("words").value.trim();
  const query = words && whole && whole.total > whole.objects.length ? `?words=${encodeURIComponent(words)}` : "";
  const path = wanted ? `${API}/${encodeURIComponent(wanted.namespace)}/${encodeURIComponent(wanted.name)}` : API + query;
  try {
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${token()}` }, signal: mine.signal, cache: "no-store" });
    if (answer.status === 401) return signIn("This token is not taken: it is of nobody here, or has run out.");
    if (answer.status === 403 && !wanted) return signIn("This token may get bayesianautoscalers in no namespace that has any.");
    if (!answer.ok) throw new Error(said(answer.status, wanted));
    const body = await answer.json();
    refreshSeconds = body.refreshSeconds;
    shownAt = new Date();
    pulse(body);
    if (wanted) showObject(body); else { if (!query) whole = body; showList(body); }
  } catch (error) {
    if (error.name === "AbortError") return;
    const since = shownAt ? `; what is shown is of ${clock.format(shownAt)}` : "";
    alarm(error instanceof TypeError ? `The operator does not answer${since}` : `${error.message}${since}`);
  }
  if (asking === mine) timer = setTimeout(() => document.hidden || refresh(), 1000 * refreshSeconds);
}

function said(status, wanted) {
  const what = wanted ? `${wanted.namespace}/${wanted.name}` : "the objects";
  if (status === 404) return `There is no BayesianAutoscaler ${what}`;
  if (status === 403) return `This token may not get ${what}`;
  if (status === 503) return "The API server does not say who may see this";
  return `The operator answered ${status}`;
}

function pulse(body) {
  const told = body.lastTickAt === null ? "nothing decided yet" : `last decided ${span(body.now - body.lastTickAt)} ago, ${at(body.lastTickAt)}`;
  say(by("pulse"), `${told}; ${body.leads ? "this replica leads and writes" : "this replica is on standby: another one writes"}`);
  alarm(body.wrong ? `The operator is not well: ${body.wrong}` : "");
}

// ---- the list

const STATES = [["", "All"], ["bad", "Need a look"], ["notice", "To know"], ["good", "Well"]];
const RANK = { bad: 0, notice: 1, good: 2 };
const name = (o) => `${o.namespace}/${o.name}`;
const COLUMNS = [
  ["name", "Object", (o) => name(o)],
  ["state", "State", (o) => RANK[o.state]],
  ["target", "Target", (o) => o.target || ""],
  ["replicas", "Replicas", (o) => o.wanted ?? -1],
  ["limiter", "Limiter", (o) => o.limiter || ""],
  ["trust", "Trust", (o) => o.phase + (o.kept ?? 2)],
  ["burn", "Budget", (o) => o.burn ?? -1],
];
const drawn = new Map();
let listAt = 0, opened = "", order = { column: "state", down: false }, state = "";

function replicas(o) {
  if (o.replicas === null && o.wanted === null) return DASH;
  return o.wanted === null || o.replicas === o.wanted ? `${o.replicas ?? DASH}` : `${o.replicas ?? DASH} \u2192 ${o.wanted}`;
}
const ready = (o) => (o.ready !== null && o.replicas !== null && o.ready !== o.replicas ? `${o.ready} ready` : "");
const withMode = (o) => (o.paused ? "Paused" : o.mode && o.mode !== "Auto" ? `mode ${o.mode}` : "");
const trust = (o) => (o.rung && o.rung !== "Predictive" ? `${o.phase}, ${o.rung}` : o.phase);
const kept = (o) => (o.kept === null ? "" : `${percent(o.kept)} kept`);
const promised = (o) => (o.kept === null ? "" : `${percent(o.promised)} promised, ${kept(o)}`);
const mark = () => el("span", { class: "mark", "aria-hidden": "true" });
const breakable = (text) => text.split(/(?<=[a-z/])(?=[A-Z])|(?<=\/)/).flatMap((part, i) => (i ? [el("wbr", {}), part] : [part]));
const small = (text) => (text ? [el("small", {}, text)] : []);

function line(o) {
  const link = el("a", { href: `#/${encodeURIComponent(o.namespace)}/${encodeURIComponent(o.name)}` }, el("span", { class: "place" }, `${o.namespace} / `), o.name);
  const cell = (key, ...children) => el("td", { class: `c-${key}`, role: "cell" }, ...children);
  return el("tr", { role: "row", "data-key": name(o) },
    el("th", { class: "c-name", scope: "row", role: "rowheader" }, link, ...(o.message ? [el("span", { class: "why", title: o.message }, o.message)] : [])),
    cell("state", el("span", { class: o.state }, mark(), ...breakable(o.reason))),
    cell("target", ...breakable(o.target || DASH), ...small(withMode(o))),
    cell("replicas", el("span", { class: o.replicas === o.wanted ? "" : "moving" }, replicas(o)), ...small(ready(o))),
    cell("limiter", ...breakable(o.limiter || DASH)),
    cell("trust", trust(o), ...small(kept(o))),
    cell("burn", o.burn === null ? DASH : el("span", { class: o.burn > 1 ? "bad" : "" }, `${Number(o.burn.toPrecision(2))}\u00d7`)));
}

function sorted(objects) {
  const of = COLUMNS.find(([key]) => key === order.column)[2];
  if (order.column === "state" && !order.down) return objects; // as they come: worst first
  const sign = order.down ? -1 : 1;
  const keys = new Map(objects.map((o) => [o, of(o)]));
  return [...objects].sort((a, b) => (keys.get(a) < keys.get(b) ? -sign : keys.get(a) > keys.get(b) ? sign : 0));
}

function showList(body) {
  show("list");
  document.title = body.counts.bad ? `(${body.counts.bad}) Bayescaler` : "Bayescaler";
  const all = body.counts.bad + body.counts.notice + body.counts.good;
  const bad = body.counts.bad;
  say(by("list-title"), !all ? "No autoscalers yet" : bad ? `${number.format(bad)} of ${number.format(all)} ${bad === 1 ? "needs" : "need"} a look` : all === 1 ? "The one autoscaler is well" : `None of ${number.format(all)} needs a look`);
  const counts = { "": all, ...body.counts };
  for (const button of by("states").children) say(button, `${button.dataset.label} ${number.format(counts[button.dataset.state])}`);
  const words = by("words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (o) => [o.namespace, o.name, o.target, o.reason, o.phase, o.rung, o.limiter, o.mode].join(" ").toLowerCase();
  const found = sorted(body.objects.filter((o) => (!state || o.state === state) && words.every((word) => text(o).includes(word))));
  const more = body.total > body.objects.length ? `; the worst ${number.format(body.objects.length)} of ${number.format(body.total)} are here, filter for others` : "";
  const unasked = body.namespacesNotAsked ? `; ${body.namespacesNotAsked} namespaces not looked into` : "";
  say(by("shown"), `${number.format(found.length)} shown${more}${unasked}`);
  by("objects").hidden = !found.length;
  by("empty").hidden = Boolean(found.length);
  say(by("empty"), all ? "None is like that." : "kubectl apply a BayesianAutoscaler, and it stands here at the next tick.");
  rows(found);
}

function rows(found) {
  const place = by("objects").tBodies[0], focused = document.activeElement?.closest?.("tr")?.dataset.key, seen = new Set();
  const wanted = found.map((o) => {
    const key = name(o), text = JSON.stringify(o), old = drawn.get(key);
    seen.add(key);
    if (old && old.text === text) return old.row;
    const row = line(o);
    if (old) old.row.replaceWith(row);
    drawn.set(key, { text, row });
    return row;
  });
  if (wanted.length !== place.children.length || wanted.some((row, i) => place.children[i] !== row)) place.replaceChildren(...wanted);
  for (const key of drawn.keys()) if (!seen.has(key)) drawn.delete(key);
  if (focused && document.activeElement === document.body) drawn.get(focused)?.row.querySelector("a").focus();
}

function headers() {
  const place = by("objects").tHead.rows[0];
  for (const [key, label] of COLUMNS) {
    const button = el("button", { type: "button" }, label);
    button.addEventListener("click", () => {
      order = { column: key, down: order.column === key && !order.down };
      sortShown();
      if (whole) showList(whole);
    });
    place.append(el("th", { class: `c-${key}`, scope: "col", role: "columnheader", "data-column": key }, button));
  }
  for (const [key, label] of STATES) {
    const button = el("button", { type: "button", class: key, "aria-pressed": String(key === state), "data-state": key, "data-label": label }, label);
    button.addEventListener("click", () => {
      state = key;
      for (const one of by("states").children) one.setAttribute("aria-pressed", String(one === button));
      if (whole) showList(whole);
    });
    by("states").append(button);
  }
  sortShown();
}

function sortShown() {
  for (const head of by("objects").tHead.rows[0].cells) {
    if (head.dataset.column === order.column) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}

// ---- one object

let current = null, cursor = null;

function showObject(body) {
  show("object");
  document.title = `${body.name}: ${replicas(body)} | Bayescaler`;
  if (by("object-title").textContent !== name(body)) cursor = null;
  say(by("object-title"), name(body));
  by("object-state").replaceChildren(el("span", { class: body.state }, mark(), body.reason), body.message ? `: ${body.message}` : "");
  const facts = [
    ["Target", body.target], ["Mode", body.paused ? `${body.mode}, paused` : body.mode], ["Replicas", replicas(body) + (ready(body) ? `, ${ready(body)}` : "")],
    ["Limiter", body.limiter], ["Phase", trust(body)], ["Trust", promised(body)], ["Budget burn", body.burn === null ? "" : `${Number(body.burn.toPrecision(2))}\u00d7`],
  ].filter(([, value]) => value);
  by("facts").replaceChildren(...facts.map(([title, value]) => el("div", {}, el("dt", {}, title), el("dd", {}, value))));
  current = body;
  drawChart(by("chart"), body, cursor);
  readout();
  story(body.story);
  const past = body.decisions.map((d) => el("li", {}, el("time", { datetime: new Date(d.at * 1000).toISOString() }, at(d.at)), el("strong", {}, d.current === d.final ? `${d.final}` : `${d.current} \u2192 ${d.final}`),
    el("span", {}, el("span", {}, d.limiter), el("small", {}, d.message))));
  by("decisions").replaceChildren(...(past.length ? past : [el("li", { class: "soft" }, "none since this replica started")]));
}

function story(told) {
  if (!told) return by("story").replaceChildren(el("p", {}, "Nothing is decided yet."));
  const lines = (section) => section.lines.map((one) => el("p", { class: one.tone }, one.text));
  by("story").replaceChildren(
    el("p", { class: `headline ${told.headline.tone}` }, told.headline.text), el("p", { class: "soft" }, told.when),
    el("dl", {}, ...told.sections.flatMap((section) => [el("dt", {}, section.title), el("dd", { class: section.title === "Steps" ? "steps" : "" }, ...lines(section))])));
}

function readout() {
  const chart = current.chart, unit = chart.unit;
  if (cursor === null) return say(by("readout"), `${zone === "UTC" ? "Times are UTC" : `Times are of ${zone}, those of the story UTC`}. Point at the chart, or use its arrow keys, to read it.`);
  const tick = chart.ticks[cursor], load = valueAt(chart.loads, tick[0]);
  const told = [at(tick[0])];
  if (load !== null) told.push(`load ${amount(load, unit)}`);
  if (tick[1] !== null) told.push(`${tick[4]} ready serve ${amount(tick[1], unit)}`);
  if (tick[2] !== null) told.push(`up to ${amount(tick[2], unit)} expected at ${percent(chart.quantile)}`);
  told.push(`${tick[5]} wanted`);
  say(by("readout"), told.join(", "));
}

function valueAt(points, time) {
  let found = null;
  for (const [when, value] of points) { if (when > time) break; found = value; }
  return found;
}

// ---- the chart: load that came, capacity that served it, and the fan of what is expected

function drawChart(place, body, index) {
  const chart = body.chart, width = Math.max(place.clientWidth, 280), height = width < 600 ? 240 : 320;
  const left = 46, right = width - 8, top = 10, bottom = height - 24, { from, until, most } = extent(body);
  const x = (time) => left + (time - from) / (until - from) * (right - left);
  const y = (value) => bottom - Math.min(value / most, 1.5) * (bottom - top);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", tabindex: "0", "aria-label": described(body) });
  const inner = svg("g", { "clip-path": "url(#inside)" });
  root.append(svg("defs", {}, svg("clipPath", { id: "inside" }, svg("rect", { x: left, y: top, width: right - left, height: bottom - top }))), ...axes(chart.unit, x, y, { left, right, top, bottom, from, until, most }), inner);
  inner.append(...shortages(chart, x, top, bottom), ...fan(chart, x, y), ...lines(body, x, y));
  if (index !== null && chart.ticks[index]) inner.append(svg("line", { class: "cursor", x1: x(chart.ticks[index][0]), x2: x(chart.ticks[index][0]), y1: top, y2: bottom }));
  const focused = place.contains(document.activeElement);
  place.replaceChildren(root);
  if (focused) root.focus();
  const point = (next) => {
    cursor = next === null ? null : Math.min(Math.max(next, 0), chart.ticks.length - 1);
    drawChart(place, body, cursor);
    readout();
  };
  root.addEventListener("pointermove", (event) => {
    const time = from + (event.offsetX - left) / (right - left) * (until - from);
    const next = chart.ticks.findIndex((tick) => tick[0] >= time);
    if (chart.ticks.length && next !== cursor) point(next < 0 ? chart.ticks.length - 1 : next);
  });
  root.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -1e6, End: 1e6 };
    if (event.key === "Escape") point(null);
    if (!(event.key in moves) || !chart.ticks.length) return;
    event.preventDefault();
    point((cursor ?? chart.ticks.length) + moves[event.key]);
  });
  const ends = [["load", "load"], ["capacity", "capacity of ready replicas"], ["expected", `expected at ${chart.quantile === null ? "" : percent(chart.quantile)}`], ["fan", "highest load ahead, median up"]];
  by("legend").replaceChildren(...ends.map(([kind, text]) => el("span", { class: `l-${kind}` }, text)));
}

function extent(body) {
  const chart = body.chart, ticks = chart.ticks, now = body.now;
  const from = Math.max(Math.min(ticks.length ? ticks[0][0] : now, now - 600), now - 3600);
  const ahead = chart.forecast ? chart.forecast.ahead : [];
  const until = Math.max(now + 120, ...ahead.map((one) => one.at));
  const values = [chart.willServe, chart.serves, ...chart.loads.filter(([when]) => when >= from).map(([, value]) => value), ...ticks.flatMap((tick) => [tick[1], tick[2]]), ...ahead.map((one) => one.values[5])];
  return { from, until, most: 1.08 * Math.max(1e-9, ...values.filter((value) => value !== null)) };
}

function axes(unit, x, y, box) {
  const nodes = [], raw = box.most / 4, power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 2.5, 5, 10].find((one) => one * power >= raw) * power;
  for (let value = 0; value <= box.most; value += step) {
    nodes.push(svg("line", { class: "axis", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }), svg("text", { class: "tick", x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, amount(value, value ? unit : "")));
  }
  const every = [60, 120, 300, 600, 900, 1800, 3600].find((one) => (box.until - box.from) / one <= (box.right - box.left) / 85) || 7200;
  for (let time = Math.ceil(box.from / every) * every; time <= box.until; time += every) {
    nodes.push(svg("text", { class: "tick", x: Math.min(x(time), box.right - 16), y: box.bottom + 17, "text-anchor": "middle" }, minute.format(time * 1000)));
  }
  return nodes;
}

const joined = (points) => points.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");

function path(points, x, y, { steps = false, gap = Infinity } = {}) {
  let d = "", last = null;
  for (const [when, value] of points) {
    if (value === null) { last = null; continue; }
    const [a, b] = [x(when).toFixed(1), y(value).toFixed(1)];
    d += last === null || when - last > gap ? `M${a} ${b}` : steps ? `H${a}V${b}` : `L${a} ${b}`;
    last = when;
  }
  return d;
}

function fan(chart, x, y) {
  if (!chart.forecast) return [];
  const { ahead, levels, issuedAt } = chart.forecast, start = chart.load ? chart.load[1] : null, begin = chart.load ? chart.load[0] : issuedAt;
  const along = (level) => [[begin, start ?? ahead[0].values[level]], ...ahead.map((one) => [one.at, one.values[level]])].map(([when, value]) => [x(when), y(value)]);
  const band = (high) => svg("path", { class: "band", d: `${joined([...along(0), ...along(high).reverse()])}Z` });
  const promised = levels.reduce((best, level, i) => (Math.abs(level - chart.quantile) < Math.abs(levels[best] - chart.quantile) ? i : best), 0);
  return [band(levels.indexOf(0.99)), band(levels.indexOf(0.95)), band(levels.indexOf(0.8)), svg("path", { class: "s-expected", d: joined(along(promised)) })];
}

function shortages(chart, x, top, bottom) {
  return chart.loads.flatMap(([when, load], i) => {
    const before = i ? chart.loads[i - 1][0] : null, serves = valueAt(chart.ticks, when);
    if (before === null || serves === null || load === null || load <= serves || when - before > 900) return [];
    return [svg("rect", { class: "short", x: x(before), width: x(when) - x(before), y: top, height: bottom - top }, svg("title", {}, `load above capacity at ${at(when)}`))];
  });
}

function lines(body, x, y) {
  const chart = body.chart, ticks = chart.ticks, now = body.now, nodes = [], lead = chart.leadSeconds || 0;
  const spacing = chart.loads.length > 1 ? 3 * (chart.loads.at(-1)[0] - chart.loads[0][0]) / (chart.loads.length - 1) : Infinity;
  nodes.push(svg("line", { class: "now", x1: x(now), x2: x(now), y1: 0, y2: 1000 }));
  nodes.push(svg("path", { class: "s-expected", d: path(ticks.map((tick) => [tick[0] + lead, tick[2]]).filter(([when]) => when <= now), x, y) }));
  const serves = ticks.map((tick) => [tick[0], tick[1]]);
  if (chart.serves !== null) serves.push([now, chart.serves]);
  nodes.push(svg("path", { class: "s-capacity", d: path(serves, x, y, { steps: true }) }));
  if (chart.willServe !== null && chart.serves !== null) {
    const then = now + (chart.willServe > chart.serves ? chart.startSeconds ?? 60 : 0);
    nodes.push(svg("path", { class: "s-capacity s-ordered", d: path([[now, chart.serves], [then, chart.willServe], [then + 3600, chart.willServe]], x, y, { steps: true }) }));
  }
  nodes.push(svg("path", { class: "s-load", d: path(chart.loads, x, y, { gap: spacing }) }));
  for (const past of body.decisions) {
    const height = past.current === past.final ? null : valueAt(ticks, past.at + 1);
    if (height === null) continue;
    const [a, b, s] = [x(past.at), y(height), past.final > past.current ? -1 : 1];
    nodes.push(svg("path", { class: "decision", d: `M${a} ${b + 9 * s}L${a - 6} ${b - 2 * s}L${a + 6} ${b - 2 * s}Z` }, svg("title", {}, `${at(past.at)}: ${past.current} \u2192 ${past.final}, ${past.limiter}`)));
  }
  return nodes;
}

function described(body) {
  const chart = body.chart, unit = chart.unit, told = [];
  if (chart.load) told.push(`load ${amount(chart.load[1], unit)}`);
  if (chart.serves !== null) told.push(`ready replicas serve ${amount(chart.serves, unit)}`);
  if (chart.forecast) told.push(...chart.forecast.ahead.map((one) => `up to ${amount(one.values[4], unit)} expected at 95 % by ${at(one.at)}`));
  return told.length ? `Chart: ${told.join("; ")}. Arrow keys read it tick by tick.` : "Chart: nothing is known of the load yet.";
}

// Rows that were never on the screen are as high as they are guessed to be until they are: the place alone is not enough.
function bringBack() {
  if (!by("list").hidden) drawn.get(opened)?.row.scrollIntoView({ block: "nearest" });
}

// ---- begin

by("door").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, by("token").value.trim());
  by("token").value = "";
  refresh();
});
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); by("main").focus(); });
by("leave").addEventListener("click", () => signIn(""));
by("words").addEventListener("input", () => { if (whole && whole.total > whole.objects.length) refresh(); else if (whole) showList(whole); });
window.addEventListener("hashchange", () => {
  alarm("");
  if (!by("list").hidden) listAt = scrollY;
  const wanted = route();
  if (wanted) opened = name(wanted);
  if (wanted || !whole || !token()) scrollTo(0, 0);
  else { showList(whole); scrollTo(0, listAt); bringBack(); requestAnimationFrame(bringBack); }
  by("main").focus({ preventScroll: true });
  refresh();
});
window.addEventListener("resize", () => { if (current && !by("object").hidden) drawChart(by("chart"), current, cursor); });
document.addEventListener("visibilitychange", () => { if (!document.hidden && token()) refresh(); });
headers();
refresh();
