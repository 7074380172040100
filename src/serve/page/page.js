'use strict';
const $ = id => document.getElementById(id);
const COLORS = ['#ffd23f', '#3fd2ff', '#ff6fae', '#8dff6f', '#c08bff', '#ff9a3f', '#5fffd0', '#ff5f5f'];
const state = { images: [], image: null, bitmap: null, classes: [{ name: '' }], active: 0, marks: [], tool: 'point',
  negative: false, result: null, removed: new Set(), scale: 1, x: 0, y: 0, hover: null, drag: null, query: null,
  stroke: null, ruler: null, brush: 14 };
const canvas = $('view'), context = canvas.getContext('2d');

function say(text, error = false) { $('status').textContent = text; $('status').className = error ? 'error' : ''; }

async function ask(path, body) {
  const request = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' } };
  const response = await fetch(path, request);
  if (response.ok) return response;
  let why = response.statusText;
  try { why = (await response.json()).error || why; } catch (e) { /* the status says it */ }
  throw new Error(why);
}

/* ---- images ---- */
function listImages() {
  $('list').replaceChildren(...state.images.map(name => {
    const item = document.createElement('li');
    item.textContent = item.title = name;
    item.role = 'option';
    item.setAttribute('aria-selected', name === state.image);
    item.onclick = () => openImage(name);
    return item;
  }));
}
async function openImage(name) {
  say(`Opening ${name} …`);
  try {
    const blob = await (await ask('/api/image?name=' + encodeURIComponent(name))).blob();
    state.bitmap = await createImageBitmap(blob);
  } catch (error) { say(error.message, true); return; }
  Object.assign(state, { image: name, result: null, hover: null, ruler: null });
  state.removed.clear();
  listImages(); fit(); showFound(); say(`${name}: ${state.bitmap.width} x ${state.bitmap.height}`);
  if (marksNow().length && $('auto').checked) find();
}
async function upload(files) {
  for (const file of files) {
    say(`Sending ${file.name} …`);
    try {
      const response = await fetch('/api/upload?name=' + encodeURIComponent(file.name), { method: 'POST', body: file });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      state.images.push(answer.name);
      listImages();
      await openImage(answer.name);
    } catch (error) { say(error.message, true); }
  }
}

/* ---- drawing ---- */
function fit() {
  const box = canvas.getBoundingClientRect(), image = state.bitmap;
  state.scale = Math.min(box.width / image.width, box.height / image.height) * 0.98;
  state.x = (box.width - image.width * state.scale) / 2;
  state.y = (box.height - image.height * state.scale) / 2;
  draw();
}
let planned = false;
function draw() { if (!planned) { planned = true; requestAnimationFrame(paint); } }
function paint() {
  planned = false;
  const box = canvas.getBoundingClientRect(), ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(box.width * ratio) || canvas.height !== Math.round(box.height * ratio)) {
    canvas.width = Math.round(box.width * ratio); canvas.height = Math.round(box.height * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, box.width, box.height);
  if (!state.bitmap) return;
  context.setTransform(ratio * state.scale, 0, 0, ratio * state.scale, ratio * state.x, ratio * state.y);
  context.imageSmoothingEnabled = state.scale < 3;
  context.drawImage(state.bitmap, 0, 0);
  const thin = 1 / state.scale;
  if (state.result) for (const one of shown()) {
    const color = COLORS[one.class % COLORS.length];
    context.fillStyle = color + (one === state.hover ? '77' : '33');
    context.strokeStyle = color; context.lineWidth = (one === state.hover ? 2.5 : 1.3) * thin;
    context.fill(one.path, 'evenodd'); context.stroke(one.path);
  }
  if (state.result) for (const one of state.result.examples) {
    context.strokeStyle = one.negative ? '#ff4040' : '#ffffff'; context.lineWidth = 2 * thin;
    context.setLineDash([5 * thin, 4 * thin]); context.stroke(one.path); context.setLineDash([]);
  }
  for (const mark of marksNow()) paintMark(mark, thin);
  if (state.drag && state.drag.box) { context.strokeStyle = '#ffffff'; context.lineWidth = thin; context.strokeRect(...rectangle(state.drag)); }
  if (state.stroke) { context.fillStyle = '#ffffff66'; for (const [x, y] of state.stroke) { context.beginPath(); context.arc(x, y, state.brush / state.scale, 0, 7); context.fill(); } }
  if (state.ruler) { context.strokeStyle = '#ffffff'; context.lineWidth = 2 * thin; context.beginPath(); context.moveTo(...state.ruler[0]); context.lineTo(...(state.ruler[1] || state.ruler[0])); context.stroke(); }
}
function paintMark(mark, thin) {
  context.strokeStyle = mark.negative ? '#ff4040' : COLORS[mark.classIndex % COLORS.length];
  context.lineWidth = 2 * thin;
  if (mark.box) { const [x0, y0, x1, y1] = mark.box; context.strokeRect(x0, y0, x1 - x0, y1 - y0); }
  if (mark.point) {
    const [x, y] = mark.point, arm = 6 * thin;
    context.beginPath(); context.moveTo(x - arm, y); context.lineTo(x + arm, y); context.moveTo(x, y - arm); context.lineTo(x, y + arm); context.stroke();
  }
}
function pathOf(rings) {
  const path = new Path2D();
  for (const ring of rings) { path.moveTo(ring[0], ring[1]); for (let i = 2; i < ring.length; i += 2) path.lineTo(ring[i], ring[i + 1]); path.closePath(); }
  return path;
}
const rectangle = d => [Math.min(d.from[0], d.to[0]), Math.min(d.from[1], d.to[1]), Math.abs(d.to[0] - d.from[0]), Math.abs(d.to[1] - d.from[1])];

/* ---- marks ---- */
const marksNow = () => state.marks.filter(mark => mark.image === state.image);
const asSent = mark => ({ image: mark.image, negative: mark.negative, class: state.classes[mark.classIndex].name || (state.classes.length > 1 ? 'class ' + (mark.classIndex + 1) : ''),
  ...(mark.box && { box: mark.box }), ...(mark.point && { point: mark.point }), ...(mark.runs && { runs: mark.runs }) });
function addMark(shape) {
  state.marks.push({ image: state.image, classIndex: state.active, negative: state.negative, ...shape });
  draw();
  if ($('auto').checked) find();
}
function finishStroke() {  // what the brush covered, as runs of the image's pixels
  const { width, height } = state.bitmap, radius = state.brush / state.scale;
  const sheet = new OffscreenCanvas(width, height), pen = sheet.getContext('2d');
  pen.lineWidth = 2 * radius; pen.lineCap = pen.lineJoin = 'round';
  pen.beginPath(); pen.moveTo(...state.stroke[0]);
  for (const p of state.stroke) pen.lineTo(p[0] + 0.01, p[1]);
  pen.stroke();
  const alpha = pen.getImageData(0, 0, width, height).data, runs = [];
  let inside = false, length = 0;
  for (let i = 3; i < alpha.length; i += 4) {
    if ((alpha[i] > 127) !== inside) { runs.push(length); length = 0; inside = !inside; }
    ++length;
  }
  runs.push(length);
  state.stroke = null;
  if (runs.length > 1) addMark({ runs });
}
async function find() {
  if (!state.image || !state.marks.some(mark => !mark.negative)) { if (state.result) { state.result = null; showFound(); draw(); } return; }
  if (state.query) ask('/api/cancel', { query: state.query }).catch(() => {});
  const query = state.query = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
  $('cancel').disabled = false; say('Looking …');
  try {
    const result = await (await ask('/api/segment', { image: state.image, marks: state.marks.map(asSent), query })).json();
    if (state.query !== query) return;
    for (const one of result.instances.concat(result.examples)) one.path = pathOf(one.rings);
    state.result = result; state.removed.clear(); state.hover = null;
    say(`${result.instances.length} found in ${result.seconds.toFixed(2)} s` + result.notes.map(note => '; ' + note).join(''));
  } catch (error) { if (state.query === query && error.message !== 'cancelled') say(error.message, true); }
  if (state.query === query) { state.query = null; $('cancel').disabled = true; }
  showFound(); draw();
}

/* ---- what was found ---- */
const shown = () => state.result.instances.filter(one => one.score >= +$('score').value && !state.removed.has(one.id));
function pixelSize() { const match = /^\s*([\d.]+(?:e-?\d+)?)\s*(.*)$/i.exec($('pixel').value); return match && +match[1] > 0 ? [+match[1], match[2] || 'px'] : [1, 'px']; }
function showFound() {
  const [size, unit] = pixelSize(), found = state.result ? shown() : [];
  document.querySelectorAll('.class').forEach((row, k) => { row.querySelector('.count').textContent = state.result ? found.filter(one => one.class === k).length : ''; });
  if (!state.result) { $('found').textContent = 'Mark an object: by a click, a box, or the brush.'; $('sizes').textContent = ''; histogram([]); return; }
  const sum = state.result.classes.reduce((total, one) => total + one.estimated, 0);
  $('found').textContent = `${found.length} objects; the density says ${sum.toFixed(1)}`;
  const diameters = found.map(one => Math.sqrt(one.area * 4 / Math.PI) * size).sort((a, b) => a - b);
  const at = part => diameters[Math.min(diameters.length - 1, Math.floor(part * diameters.length))];
  $('sizes').textContent = diameters.length ? `D10 ${at(.1).toPrecision(3)}, D50 ${at(.5).toPrecision(3)}, D90 ${at(.9).toPrecision(3)} ${unit}` : '';
  histogram(diameters);
}
function histogram(values) {
  const sheet = $('histogram'), pen = sheet.getContext('2d'), bins = 24;
  pen.clearRect(0, 0, sheet.width, sheet.height);
  if (!values.length) return;
  const low = values[0], high = values[values.length - 1] || 1, counts = new Array(bins).fill(0);
  for (const value of values) ++counts[Math.min(bins - 1, Math.floor((value - low) / (high - low || 1) * bins))];
  const most = Math.max(...counts), wide = sheet.width / bins;
  pen.fillStyle = '#4aa8ff';
  counts.forEach((count, i) => { const tall = count / most * (sheet.height - 4); pen.fillRect(i * wide + 1, sheet.height - tall, wide - 2, tall); });
}
function instanceAt(x, y) {
  if (!state.result) return null;
  context.setTransform(1, 0, 0, 1, 0, 0);
  return shown().filter(one => x >= one.box[0] && x < one.box[2] && y >= one.box[1] && y < one.box[3] && context.isPointInPath(one.path, x, y, 'evenodd'))
    .sort((a, b) => a.area - b.area)[0] || null;
}

/* ---- the pointer ---- */
function place(event) { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left - state.x) / state.scale, (event.clientY - box.top - state.y) / state.scale]; }
const inside = ([x, y]) => state.bitmap && x >= 0 && y >= 0 && x < state.bitmap.width && y < state.bitmap.height;
const fingers = new Map();
canvas.addEventListener('pointerdown', event => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  const at = place(event);
  if (!state.bitmap) return;
  if (fingers.size === 2) { state.drag = state.stroke = null; return; }
  if (state.tool === 'pan' || event.button === 1 || event.altKey) state.drag = { pan: true, at: [event.clientX, event.clientY] };
  else if (state.tool === 'box') state.drag = { box: true, from: at, to: at };
  else if (state.tool === 'brush') state.stroke = [at];
  else if (state.tool === 'scale') ruler(at);
  else state.drag = { click: true, from: at };
});
canvas.addEventListener('pointermove', event => {
  const at = place(event);
  if (fingers.has(event.pointerId)) {
    const before = fingers.get(event.pointerId);
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const ratio = Math.hypot(event.clientX - other[0], event.clientY - other[1]) / (Math.hypot(before[0] - other[0], before[1] - other[1]) || 1);
      const box = canvas.getBoundingClientRect();
      zoom(ratio, other[0] - box.left, other[1] - box.top);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      return;
    }
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  }
  if (state.drag && state.drag.pan) { state.x += event.clientX - state.drag.at[0]; state.y += event.clientY - state.drag.at[1]; state.drag.at = [event.clientX, event.clientY]; draw(); return; }
  if (state.drag && state.drag.box) { state.drag.to = at; draw(); return; }
  if (state.stroke) { state.stroke.push(at); draw(); return; }
  if (state.ruler && !state.ruler[2]) { state.ruler[1] = at; draw(); }
  const over = instanceAt(...at), tip = $('tip'), box = canvas.getBoundingClientRect();
  if (over !== state.hover) { state.hover = over; draw(); }
  tip.style.display = over ? 'block' : 'none';
  if (over) {
    const [size, unit] = pixelSize();
    tip.textContent = `${over.id}: score ${over.score.toFixed(2)}, ${(over.area * size * size).toPrecision(4)} ${unit === 'px' ? 'pixels' : unit + '²'}`;
    tip.style.left = event.clientX - box.left + 14 + 'px'; tip.style.top = event.clientY - box.top + 10 + 'px';
  }
});
function released(event) {
  fingers.delete(event.pointerId);
  const drag = state.drag; state.drag = null;
  if (state.stroke) { finishStroke(); return; }
  if (!drag || !state.bitmap) return;
  if (drag.box) {
    const [x, y, width, height] = rectangle(drag), w = state.bitmap.width, h = state.bitmap.height;
    const box = [Math.max(0, x), Math.max(0, y), Math.min(w, x + width), Math.min(h, y + height)].map(Math.round);
    if (box[2] - box[0] >= 2 && box[3] - box[1] >= 2) addMark({ box }); else draw();
  } else if (drag.click && inside(drag.from)) {
    const over = instanceAt(...drag.from);
    if (over && !state.negative && event.shiftKey) { state.removed.add(over.id); showFound(); draw(); }
    else addMark({ point: drag.from.map(Math.floor) });
  }
}
canvas.addEventListener('pointerup', released);
canvas.addEventListener('pointercancel', event => { fingers.delete(event.pointerId); state.drag = state.stroke = null; draw(); });
function ruler(at) {
  if (!state.ruler || state.ruler[2]) { state.ruler = [at, at, false]; draw(); return; }
  state.ruler[1] = at; state.ruler[2] = true;
  const length = Math.hypot(at[0] - state.ruler[0][0], at[1] - state.ruler[0][1]);
  const text = length > 0 && prompt(`How long is that (${length.toFixed(1)} pixels)? As 10mm`, '10mm');
  const match = text && /^\s*([\d.]+)\s*(.*)$/.exec(text);
  if (match && +match[1] > 0) { $('pixel').value = (+match[1] / length).toPrecision(6) + match[2]; showFound(); }
  draw();
}
function zoom(ratio, x, y) {
  const next = Math.min(60, Math.max(0.02, state.scale * ratio)); ratio = next / state.scale;
  state.x = x - (x - state.x) * ratio; state.y = y - (y - state.y) * ratio; state.scale = next; draw();
}
canvas.addEventListener('wheel', event => { event.preventDefault(); const box = canvas.getBoundingClientRect(); zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top); }, { passive: false });

/* ---- classes, tools, keys ---- */
function listClasses() {
  $('classes').replaceChildren(...state.classes.map((one, k) => {
    const row = document.createElement('div'); row.className = 'class';
    const choose = document.createElement('input'); choose.type = 'radio'; choose.name = 'class'; choose.checked = k === state.active; choose.ariaLabel = `Mark class ${k + 1}`;
    choose.onchange = () => { state.active = k; };
    const swatch = document.createElement('span'); swatch.className = 'swatch'; swatch.style.background = COLORS[k % COLORS.length];
    const name = document.createElement('input'); name.type = 'text'; name.value = one.name; name.placeholder = state.classes.length > 1 ? `class ${k + 1}` : 'object'; name.ariaLabel = `Name of class ${k + 1}`;
    name.onchange = () => { one.name = name.value.trim(); };
    const count = document.createElement('span'); count.className = 'count';
    row.append(choose, swatch, name, count);
    return row;
  }));
  showFound();
}
function setTool(tool) { state.tool = tool; for (const each of ['point', 'box', 'brush', 'pan', 'scale']) $('tool-' + each).setAttribute('aria-pressed', each === tool); canvas.style.cursor = tool === 'pan' ? 'grab' : 'crosshair'; }
for (const tool of ['point', 'box', 'brush', 'pan', 'scale']) $('tool-' + tool).onclick = () => setTool(tool);
function setNegative(on) { state.negative = on; $('negative').setAttribute('aria-pressed', on); }
$('negative').onclick = () => setNegative(!state.negative);
function undo() { state.marks.pop(); draw(); if ($('auto').checked) find(); }
$('undo').onclick = undo;
$('clear').onclick = () => { state.marks = []; state.result = null; showFound(); draw(); };
$('find').onclick = find;
function cancel() { if (state.query) { ask('/api/cancel', { query: state.query }).catch(() => {}); state.query = null; $('cancel').disabled = true; say('Cancelled'); } }
$('cancel').onclick = cancel;
$('add-class').onclick = () => { state.classes.push({ name: '' }); state.active = state.classes.length - 1; listClasses(); };
$('score').oninput = () => { $('score-value').textContent = (+$('score').value).toFixed(2); showFound(); draw(); };
$('pixel').onchange = showFound;
$('upload').onclick = () => $('files').click();
$('files').onchange = () => { upload($('files').files); };
addEventListener('dragover', event => event.preventDefault());
addEventListener('drop', event => { event.preventDefault(); upload(event.dataTransfer.files); });
addEventListener('resize', draw);
addEventListener('keydown', event => {
  if (event.target.tagName === 'INPUT' && event.target.type === 'text') return;
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  const tool = { p: 'point', b: 'box', d: 'brush', ' ': 'pan' }[event.key];
  if (event.ctrlKey || event.metaKey) return;
  if (step && event.target.type !== 'range') { const next = state.images[state.images.indexOf(state.image) + step]; if (next) { openImage(next); event.preventDefault(); } }
  else if (tool && event.target.tagName !== 'BUTTON') { setTool(tool); event.preventDefault(); }
  else if (event.key === 'n') setNegative(!state.negative);
  else if (event.key === 'z') undo();
  else if (event.key === 'Enter' && event.target.tagName !== 'BUTTON') find();
  else if (event.key === 'Escape') cancel();
  else if (event.key === '+' || event.key === '-') { const box = canvas.getBoundingClientRect(); zoom(event.key === '+' ? 1.3 : 1 / 1.3, box.width / 2, box.height / 2); }
  else if (event.key === '[' || event.key === ']') state.brush = Math.min(80, Math.max(3, state.brush * (event.key === ']' ? 1.25 : 0.8)));
  else if (event.key === '0') fit();
  else if (event.key >= '1' && event.key <= '9' && state.classes[+event.key - 1]) { state.active = +event.key - 1; listClasses(); }
});

/* ---- files ---- */
function save(blob, name) { const link = document.createElement('a'); link.href = URL.createObjectURL(blob); link.download = name; link.click(); setTimeout(() => URL.revokeObjectURL(link.href), 10000); }
for (const button of $('exports').children) button.onclick = async () => {
  if (!state.result) { say('Nothing was found yet', true); return; }
  try {
    const body = { result: state.result.result, format: button.dataset.format, min_score: +$('score').value, removed: [...state.removed], pixel_size: $('pixel').value };
    save(await (await ask('/api/export', body)).blob(), state.image.replace(/\.[^.]*$/, '') + button.dataset.name);
  } catch (error) { say(error.message, true); }
};

/* ---- all images ---- */
let watching = null;
function showRun(run) {
  $('run').disabled = run.running; $('run-cancel').disabled = !run.running;
  $('run-bar').hidden = !run.total; $('run-bar').value = run.total ? run.done / run.total : 0;
  $('run-files').hidden = !run.rows.length;
  const cells = (tag, texts) => { const row = document.createElement('tr'); for (const text of texts) { const cell = document.createElement(tag); cell.textContent = text; row.append(cell); } return row; };
  $('run-rows').replaceChildren(...run.rows.slice(-200).map(row => cells('td', [row.image, ...row.counts])));
  if (!run.running && run.total) {
    clearInterval(watching); watching = null;
    say(`${run.done} of ${run.total} images done` + run.failed.map(line => '; ' + line).join(''), run.failed.length > 0);
  }
}
async function watch() { try { showRun(await (await ask('/api/run')).json()); } catch (error) { say(error.message, true); } }
$('run').onclick = async () => {
  try {
    showRun(await (await ask('/api/run', { marks: state.marks.map(asSent), min_score: +$('score').value })).json());
    if (!watching) watching = setInterval(watch, 500);
  } catch (error) { say(error.message, true); }
};
$('run-cancel').onclick = async () => { try { showRun(await (await ask('/api/run/cancel', {})).json()); } catch (error) { say(error.message, true); } };

(async () => {
  listClasses();
  try {
    const about = await (await ask('/api/state')).json();
    state.images = about.images;
    say(`persense ${about.version}; ${about.stages}`);
    listImages();
    if (state.images.length) await openImage(state.images[0]);
  } catch (error) { say(error.message, true); }
})();
