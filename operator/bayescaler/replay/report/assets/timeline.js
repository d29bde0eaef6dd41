"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const { start, step, grid, steps, policies, moments } = data;
  const end = start + steps * grid;
  const perBucket = step / grid;
  const SHORTEST = Math.max(20 * grid, 300);
  const AXIS = 56, RIGHT = 24;
  const inTime = [...moments].sort((a, b) => a[0] - b[0]);

  // Counts come as runs: the steps to each change, the value from there on.
  const expanded = new Map();
  function column(key, runs) {
    if (!expanded.has(key)) {
      const values = new Int32Array(steps);
      let at = 0;
      runs[0].forEach((gap, i) => {
        at += gap;
        values.fill(runs[1][i], at);
      });
      expanded.set(key, values);
    }
    return expanded.get(key);
  }
  const of = (policy, what) => column(`${policy} ${what}`, policies[policy][what]);
  const limited = column("limited", data.limited);

  const peerSelect = byId("peer");
  policies.slice(1).forEach((policy, i) => peerSelect.add(new Option(policy.name, String(i + 1))));
  peerSelect.disabled = policies.length < 3;
  let peer = policies.length > 1 ? 1 : 0;
  let range = [start, end];
  let plots = [];
  let seen = null;
  let shown = null;

  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const limiterColour = (i) => {
    const chip = document.querySelector(`[data-limiter="${data.limiters[i]}"]`);
    return chip ? getComputedStyle(chip).backgroundColor : css("--soft");
  };

  // What is drawn: at most one column a pixel, with the extremes of the steps in it. missing: the worst of ours there.
  function view(width) {
    const first = Math.max(0, Math.floor((range[0] - start) / grid));
    const last = Math.min(steps, Math.ceil((range[1] - start) / grid));
    const count = Math.max(1, Math.min(Math.floor(width), last - first));
    const columns = Array.from({ length: 11 }, () => new Array(count + 1).fill(null));
    const [x, p99, p95, p80, p50, high, low, theirs, ours, other, mine] = columns;
    const fan = [p50, p80, p95, p99];
    const ready = of(0, "ready"), replicas = of(0, "replicas");
    const short = of(0, "short"), missing = [];
    const readyPeer = of(peer, "ready"), replicasPeer = of(peer, "replicas");
    for (let i = 0; i < count; i++) {
      const from = first + Math.floor((i * (last - first)) / count);
      const to = Math.max(from + 1, first + Math.floor(((i + 1) * (last - first)) / count));
      x[i] = start + from * grid;
      let a = Infinity, b = Infinity, c = 0, d = 0, worst = null;
      for (let k = from; k < to; k++) {
        a = Math.min(a, ready[k]);
        b = Math.min(b, readyPeer[k]);
        c = Math.max(c, replicas[k]);
        d = Math.max(d, replicasPeer[k]);
        if (short[k]) {
          const served = ready[k] * data.capacity, load = data.load[Math.min(data.load.length - 1, Math.floor(k / perBucket))];
          if (!worst || load - served > worst.load - worst.served) worst = { place: i, served, load };
        }
      }
      if (worst) missing.push(worst);
      ours[i] = a * data.capacity;
      theirs[i] = b * data.capacity;
      mine[i] = c;
      other[i] = d;
      const bucketEnd = Math.min(data.load.length - 1, Math.floor((to - 1) / perBucket));
      for (let k = Math.floor(from / perBucket); k <= bucketEnd; k++) {
        const load = data.load[k], lowest = data.lowest ? data.lowest[k] : load;
        if (load !== null) {
          high[i] = high[i] === null ? load : Math.max(high[i], load);
          low[i] = low[i] === null ? lowest : Math.min(low[i], lowest);
        }
        data.fan.forEach((quantiles, q) => {
          const value = quantiles[k];
          if (value !== null) fan[q][i] = fan[q][i] === null ? value : Math.max(fan[q][i], value);
        });
      }
    }
    columns.forEach((values) => { values[count] = values[count - 1]; });
    x[count] = start + last * grid;
    return { columns, missing };
  }

  // Stretches of steps in the range at which values hold, as pairs of epoch seconds.
  function stretches(values, wanted) {
    const first = Math.max(0, Math.floor((range[0] - start) / grid));
    const last = Math.min(steps, Math.ceil((range[1] - start) / grid));
    const found = [];
    for (let k = first; k < last; k++) {
      if (values[k] !== wanted) continue;
      let to = k + 1;
      while (to < last && values[to] === wanted) to++;
      found.push([start + k * grid, start + to * grid]);
      k = to;
    }
    return found;
  }

  function rows(u, values, wanted, colour, top, height, least) {
    const { ctx } = u;
    ctx.fillStyle = colour;
    for (const [from, to] of stretches(values, wanted)) {
      const left = Math.max(u.bbox.left, u.valToPos(from, "x", true));
      const right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(to, "x", true));
      ctx.fillRect(left, top, Math.max(least, right - left), height);
    }
  }

  const ratio = () => window.devicePixelRatio || 1;
  const days = [
    [31536000, "{YYYY}", null, null, null, null, null, null, 1],
    [2419200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [3600, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{WWW} {D} {MMM}", null, null, null, 1],
    [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{WWW} {D} {MMM}", null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", "\n{D} {MMM} {YYYY}", null, "\n{WWW} {D} {MMM}", null, null, null, 1],
  ];

  function axes(last, values) {
    const grey = css("--soft"), rule = { stroke: css("--rule"), width: 1 }, font = "12px system-ui, sans-serif";
    return [
      last
        ? { stroke: grey, font, grid: { show: false }, ticks: rule, values: days, size: 44, space: 64 }
        : { stroke: grey, font, grid: rule, ticks: { show: false }, values: (u, splits) => splits.map(() => ""), size: 6, space: 64 },
      values
        ? { stroke: grey, font, grid: rule, ticks: { show: false }, size: AXIS, space: 34, values }
        : { show: true, size: AXIS, values: (u, splits) => splits.map(() => ""), grid: { show: false }, ticks: { show: false } },
    ];
  }

  function base(width, height, last, values) {
    return {
      width, height,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), data.zone),
      legend: { show: false },
      padding: [8, RIGHT, 0, 0],
      scales: {
        x: { time: true, range: () => range },
        y: { range: (u, low, high) => [0, 1.06 * (high || 1)] },
      },
      axes: axes(last, values),
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 5 },
        sync: { key: "timeline", filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
        bind: { dblclick: () => () => { show(start, end); } },
      },
      hooks: {
        setSelect: [(u) => {
          const { left, width: wide } = u.select;
          if (wide > 4) show(u.posToVal(left, "x"), u.posToVal(left + wide, "x"));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
        setCursor: [(u) => { tell(u.cursor.left < 0 ? null : u.posToVal(u.cursor.left, "x")); }],
      },
    };
  }

  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const stepped = uPlot.paths.stepped({ align: 1 });
  const line = (stroke, width, extra) => ({ stroke, width, paths: stepped, points: { show: false }, spanGaps: false, ...extra });

  function build() {
    plots.forEach((plot) => plot.destroy());
    const width = byId("charts").clientWidth;
    const narrow = width < 560;
    const load = base(width, narrow ? 240 : 320, false, (u, splits) => splits.map((v) => compact.format(v)));
    const none = "rgba(0,0,0,0)";
    load.series = [
      {}, line(none, 0), line(none, 0), line(none, 0), line(none, 0),
      line(css("--load"), 1.1), line(css("--load"), 0.6),
      line(css("--peer"), 1.3, { show: peer > 0 }), line(css("--ours"), 2),
    ];
    load.bands = [
      { series: [1, 2], fill: css("--fan3") }, { series: [2, 3], fill: css("--fan2") },
      { series: [3, 4], fill: css("--fan1") }, { series: [5, 6], fill: css("--load") },
    ];
    load.hooks.drawClear = [(u) => { if (wide() <= 2 * 86400) rows(u, of(0, "short"), 1, css("--short"), u.bbox.top, u.bbox.height, 1); }];
    load.hooks.draw = [drawMissing];
    const replicas = base(width, narrow ? 120 : 150, false, (u, splits) => splits.map((v) => (v % 1 ? "" : whole.format(v))));
    replicas.series = [{}, line(css("--peer"), 1.3, { show: peer > 0 }), line(css("--ours"), 2)];
    const strip = base(width, 104, true, null);
    strip.series = [{}, { show: false }];
    strip.hooks.draw = [drawStrip];
    seen = view(width - AXIS - RIGHT);
    const drawn = seen.columns;
    plots = [
      new uPlot(load, drawn.slice(0, 9), byId("load-plot")),
      new uPlot(replicas, [drawn[0], drawn[9], drawn[10]], byId("replica-plot")),
      new uPlot(strip, [drawn[0], drawn[0]], byId("strip-plot")),
    ];
  }

  // What was not served, from what the ready pods serve up to the load.
  function drawMissing(u) {
    const { ctx } = u, [x] = seen.columns;
    ctx.fillStyle = css("--miss");
    for (const { place, served, load } of seen.missing) {
      const left = Math.round(u.valToPos(x[place], "x", true)), right = Math.round(u.valToPos(x[place + 1], "x", true));
      const top = u.valToPos(load, "y", true), bottom = u.valToPos(served, "y", true);
      ctx.fillRect(left, top, Math.max(ratio(), right - left), Math.max(2 * ratio(), bottom - top));
    }
  }

  function drawStrip(u) {
    const { ctx, bbox } = u, unit = ratio(), height = 13 * unit, gap = 5 * unit;
    const names = peer ? ["short", "other", "rule"] : ["short", "rule"];
    ctx.save();
    ctx.font = `${11 * unit}px system-ui, sans-serif`;
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    names.forEach((name, i) => {
      const top = bbox.top + i * (height + gap);
      ctx.fillStyle = name === "short" ? css("--ours") : name === "other" ? css("--peer") : css("--soft");
      ctx.fillText(name === "rule" ? "rule" : "short", bbox.left - 8 * unit, top + height / 2);
      ctx.fillStyle = css("--tint");
      ctx.fillRect(bbox.left, top, bbox.width, height);
      if (name === "rule") ruleStrip(u, top, height);
      else rows(u, of(name === "short" ? 0 : peer, "short"), 1, css("--miss"), top, height, 2 * unit);
    });
    ctx.restore();
  }

  // One colour a pixel: the rule that held for most of it.
  function ruleStrip(u, top, height) {
    const { ctx, bbox } = u, width = Math.round(bbox.width);
    const colours = data.limiters.map((_, i) => limiterColour(i));
    const first = (range[0] - start) / grid, perPixel = (range[1] - range[0]) / grid / width;
    let from = 0, current = -1;
    for (let pixel = 0; pixel <= width; pixel++) {
      let most = -1;
      if (pixel < width) {
        const counts = new Map();
        const begin = Math.max(0, Math.floor(first + pixel * perPixel));
        const stop = Math.max(begin + 1, Math.floor(first + (pixel + 1) * perPixel));
        for (let k = begin; k < Math.min(stop, steps); k++) counts.set(limited[k], (counts.get(limited[k]) || 0) + 1);
        let best = 0;
        counts.forEach((n, limiter) => { if (n > best) [best, most] = [n, limiter]; });
      }
      if (most !== current) {
        if (current >= 0) {
          ctx.fillStyle = colours[current];
          ctx.fillRect(bbox.left + from, top, pixel - from, height);
        }
        [from, current] = [pixel, most];
      }
    }
  }

  function draw() {
    shown = null;
    seen = view(plots[0].bbox.width / ratio());
    const drawn = seen.columns;
    plots[0].setData(drawn.slice(0, 9));
    plots[1].setData([drawn[0], drawn[9], drawn[10]]);
    plots[2].setData([drawn[0], drawn[0]]);
    summarise();
  }

  const clock = new Intl.DateTimeFormat("en-GB", {
    timeZone: data.zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  const exact = new Intl.DateTimeFormat("en-GB", {
    timeZone: data.zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  });
  function span(seconds) {
    const units = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
    const left = Math.round(seconds);
    const at = units.findIndex(([size]) => left >= size);
    if (at < 0) return "0s";
    const [size, name] = units[at], rest = units[at + 1];
    const more = rest ? Math.floor((left % size) / rest[0]) : 0;
    return `${Math.floor(left / size)}${name}` + (more ? `${more}${rest[1]}` : "");
  }
  function came(policy, first, last) {
    const blocks = "paid" in policies[policy];
    const replicas = of(policy, blocks ? "paid" : "replicas"), short = of(policy, blocks ? "lacking" : "short");
    let pods = 0, seconds = 0;
    for (let k = first; k < last; k++) {
      pods += replicas[k];
      seconds += short[k];
    }
    const hours = (pods * data.finest) / 3600;
    const told = hours >= 100 ? whole.format(hours) : hours.toFixed(1);
    return `${policies[policy].name} ${told} replica-hours, ${seconds ? `short ${span(seconds * data.finest)}` : "never short"}`;
  }
  function summarise() {
    const first = Math.max(0, Math.round((range[0] - start) / grid)), last = Math.min(steps, Math.round((range[1] - start) / grid));
    const told = [came(0, first, last), ...(peer ? [came(peer, first, last)] : [])].join("; ");
    byId("shown").textContent = `${clock.format(range[0] * 1e3)} to ${clock.format(range[1] * 1e3)} (${span(range[1] - range[0])}): ${told}.`;
  }
  const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  function tell(at) {
    const k = at === null ? -1 : Math.floor((at - start) / grid);
    if (k === shown) return;
    shown = k;
    if (k < 0 || k >= steps) {
      byId("at").textContent = "\u00a0";
      return;
    }
    const bucket = Math.min(data.load.length - 1, Math.floor(k / perBucket));
    const load = (value) => (value === null ? "unknown" : `${digits.format(value)}${data.unit}`);
    const side = (policy) => `${policies[policy].name} ${of(policy, "ready")[k]} ready of ${of(policy, "replicas")[k]}`;
    byId("at").textContent = [
      exact.format((start + k * grid) * 1e3), `load ${load(data.load[bucket])}`,
      `forecast p50 ${load(data.fan[0][bucket])}, p95 ${load(data.fan[2][bucket])}`,
      side(0), ...(peer ? [side(peer)] : []), data.limiters[limited[k]],
    ].join(" \u00b7 ");
  }

  function show(from, to) {
    const wide = Math.min(Math.max(to - from, SHORTEST), end - start);
    const centre = (from + to) / 2;
    const first = Math.min(Math.max(centre - wide / 2, start), end - wide);
    range = [first, first + wide];
    draw();
  }
  const wide = () => range[1] - range[0];
  const zoom = (factor, at = (range[0] + range[1]) / 2) => show(at - (at - range[0]) * factor, at + (range[1] - at) * factor);
  const pan = (part) => show(range[0] + part * wide(), range[1] + part * wide());
  const moment = ([from, to]) => {
    const around = Math.max(1800, to - from);
    show(from - around, to + around);
  };
  function worst(direction) {
    const centre = (range[0] + range[1]) / 2, all = wide() >= end - start;
    const middle = ([from, to]) => (from + to) / 2;
    const ahead = direction > 0
      ? inTime.find((one) => all || middle(one) > centre + grid)
      : inTime.findLast((one) => all || middle(one) < centre - grid);
    if (ahead) moment(ahead);
  }

  root.classList.add("scripted");
  build();
  draw();

  const on = (selector, act) => document.querySelectorAll(selector).forEach((one) => one.addEventListener("click", () => act(one.dataset, one)));
  on("[data-span]", ({ span: wanted }) => {
    if (wanted === "whole") return show(start, end);
    const centre = wide() >= end - start && inTime.length ? moments[0][0] : (range[0] + range[1]) / 2;
    return show(centre - wanted / 2, centre + wanted / 2);
  });
  on("[data-zoom]", ({ zoom: factor }) => zoom(Number(factor)));
  on("[data-pan]", ({ pan: part }) => pan(Number(part)));
  on("[data-worst]", ({ worst: direction }) => worst(Number(direction)));
  on("[data-moment]", ({ moment: place }) => {
    moment(moments[place]);
    byId("timeline").scrollIntoView();
    byId("charts").focus({ preventScroll: true });
  });
  document.querySelectorAll("[data-worst]").forEach((button) => { button.disabled = !inTime.length; });
  const named = () => { byId("peer-name").textContent = peer ? policies[peer].name : ""; };
  named();
  peerSelect.addEventListener("change", () => {
    peer = Number(peerSelect.value);
    named();
    build();
    draw();
  });

  const charts = byId("charts");
  const keys = {
    "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": () => show(start, end),
    ArrowLeft: () => pan(-0.25), ArrowRight: () => pan(0.25), PageUp: () => pan(-1), PageDown: () => pan(1),
    Home: () => show(start, start + wide()), End: () => show(end - wide(), end), n: () => worst(1), p: () => worst(-1),
  };
  charts.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  charts.addEventListener("mousedown", () => charts.focus({ preventScroll: true }));
  // Without focus the wheel scrolls the page, as everywhere else.
  charts.addEventListener("wheel", (event) => {
    if (document.activeElement !== charts && !event.ctrlKey) return;
    event.preventDefault();
    const box = plots[0].over.getBoundingClientRect();
    const part = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    zoom(event.deltaY > 0 ? 1.25 : 0.8, range[0] + part * wide());
  }, { passive: false });

  byId("copy").addEventListener("click", async () => {
    const yaml = byId("yaml");
    try {
      await navigator.clipboard.writeText(yaml.textContent);
      byId("copied").textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(yaml);
      byId("copied").textContent = "Selected: copy it with Ctrl+C.";
    }
  });

  let width = charts.clientWidth;
  new ResizeObserver(() => {
    if (charts.clientWidth !== width) {
      width = charts.clientWidth;
      build();
      draw();
    }
  }).observe(charts);
  const redrawn = () => { build(); draw(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawn);
  addEventListener("beforeprint", () => { root.classList.add("printing"); redrawn(); });
  addEventListener("afterprint", () => { root.classList.remove("printing"); redrawn(); });
})();
