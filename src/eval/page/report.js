'use strict';
const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const { scores, images } = data;
const classNames = Object.keys(scores.classes);
const intervalsOf = new Map(classNames.map((name, k) => [name, data.class_intervals[k] || {}]));
const meanIntervals = scores.intervals ? scores.intervals.mean : {};

// states of what was found and of what is true, as report_pictures.cpp numbers them
const FOUND = ['matched', 'wrong', 'other', 'other'], TRUE = ['matched', 'missed', 'other'];
const SAID_FOUND = ['right', 'false', 'not counted', 'found'], SAID_TRUE = ['found', 'missed', 'a region of many'];
const COLORS = { matched: '#2bd49b', wrong: '#ff7a45', missed: '#58b4ff', other: '#d0d6dd' };
const DASHES = { matched: [], wrong: [4, 2.5], missed: [], other: [1.5, 3] };
const FILLS = { matched: 0.16, wrong: 0.34, missed: 0, other: 0.08 };  // missed is hatched
const PALETTE = ['#fd5461', '#feb43a', '#9ce432', '#01e8df', '#4699fe', '#d56aee', '#fd8b4a', '#14e184', '#1bc3f3', '#9476ff', '#f4d916', '#fd63b6'];

const SCORES = [  // key, title, digits, what it is
  ['images', 'images', 0, 'query images'],
  ['instances', 'truth', 0, 'true objects'],
  ['found', 'found', 0, 'objects found'],
  ['iou', 'IoU', 3, 'intersection over union of the union masks'],
  ['f1', 'F1', 3, 'F1 of objects matched at IoU 0.5'],
  ['precision', 'prec.', 3, 'which part of what was found is right'],
  ['recall', 'recall', 3, 'which part of what is true was found'],
  ['pq', 'PQ', 3, 'panoptic quality: SQ x RQ'],
  ['sq', 'SQ', 3, 'segmentation quality: mean IoU of the matched'],
  ['rq', 'RQ', 3, 'recognition quality: F1'],
  ['mf1', 'mF1', 3, 'mean of F1 at IoU 0.50, 0.55, ..., 0.95'],
  ['ap', 'AP', 3, 'average precision, IoU 0.50 to 0.95'],
  ['ap50', 'AP50', 3, 'average precision at IoU 0.50'],
  ['ap75', 'AP75', 3, 'average precision at IoU 0.75'],
  ['fb_iou', 'FB-IoU', 3, 'mean of the IoU of foreground and background'],
  ['count_mae', 'MAE', 2, 'mean absolute error of the count'],
  ['count_rmse', 'RMSE', 2, 'root of the mean squared error of the count'],
  ['count_bias', 'bias', 2, 'mean error of the count'],
  ['false_per_absent', 'false', 2, 'objects found in an image without any'],
  ['seconds_per_image', 's / image', 3, 'seconds that an image took, files not counted'],
];
const BARS = ['f1', 'pq', 'iou', 'precision', 'recall', 'sq', 'mf1', 'ap', 'ap50', 'ap75', 'fb_iou', 'count_mae', 'count_rmse'];
const scoreOf = Object.fromEntries(SCORES.map(([key, title, digits, meaning]) => [key, { title, digits, meaning }]));

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value; else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}
const fixed = (value, digits) => value.toFixed(digits).replace('-', '\u2212');
const range = ([low, high], digits) => `${fixed(low, digits)} \u2013 ${fixed(high, digits)}`;
const counted = (n, noun) => `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
const listed = pairs => pairs.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]);

/* ---- scores ---- */
function addSeconds() {
  const mean = list => list.length ? list.reduce((sum, image) => sum + image.seconds, 0) / list.length : null;
  for (const name of classNames) scores.classes[name].seconds_per_image = mean(images.filter(image => image.class === name));
  scores.mean.seconds_per_image = mean(images);
}
function showHead() {
  $('title').textContent = data.title;
  document.title = `${data.title} \u2013 persense eval`;
  const objects = scores.mean.instances;
  $('subtitle').textContent = `${counted(images.length, 'image')}, ${classNames.length} ${classNames.length === 1 ? 'class' : 'classes'}` +
    (objects === undefined ? '' : `, ${counted(objects, 'true object')}`);
  const tile = key => {
    const { title, digits, meaning } = scoreOf[key], interval = meanIntervals[key];
    return element('div', { title: meaning }, element('dt', {}, title), element('dd', {}, fixed(scores.mean[key], digits),
      element('small', {}, interval ? range(interval, digits) : 'mean over classes')));
  };
  $('tiles').append(...['f1', 'pq', 'iou', 'ap', 'count_mae', 'seconds_per_image'].filter(key => scores.mean[key] != null).map(tile));
  const over = scores.intervals && { classes: 'classes', images: 'images of every class' }[scores.intervals.over];
  $('interval-note').textContent = (over ? `Ranges of the mean: ${100 * scores.intervals.level} % of ${scores.intervals.resamples} resamples of the ${over}. ` : '') +
    (data.class_intervals.some(one => Object.keys(one).length) ? 'Ranges of a class: resamples of its images.' : '');
}
function cells(name, row, intervals, columns) {
  return columns.map(([key, , digits]) => {
    const cell = element('td');
    cell.dataset.of = name;
    cell.dataset.key = key;
    cell.append(row[key] == null ? '\u2013' : fixed(row[key], digits));
    if (intervals[key] && row[key] != null) cell.append(element('small', {}, range(intervals[key], digits)));
    return cell;
  });
}
function showTable() {
  const columns = SCORES.filter(([key]) => scores.mean[key] != null);
  const head = element('tr'), body = element('tbody');
  const sorted = { key: 'name', down: false };
  const rows = classNames.map(name => {
    const button = element('button', { title: `${name}: show its images` }, name);
    button.onclick = () => showClass(name);
    return { name, line: element('tr', {}, element('th', { scope: 'row' }, button), ...cells(name, scores.classes[name], intervalsOf.get(name), columns)) };
  });
  const order = () => {
    const value = row => scores.classes[row.name][sorted.key] ?? -Infinity;
    const list = sorted.key === 'name' ? [...rows] : [...rows].sort((a, b) => value(a) - value(b));
    if (sorted.down) list.reverse();
    body.replaceChildren(...list.map(row => row.line));
    for (const cell of head.children) {
      if (cell.dataset.key === sorted.key) cell.setAttribute('aria-sort', sorted.down ? 'descending' : 'ascending');
      else cell.removeAttribute('aria-sort');
    }
  };
  for (const [key, title, , meaning] of [['name', 'class', 0, 'in the order of the data set'], ...columns]) {
    const button = element('button', { title: meaning }, title), cell = element('th', { scope: 'col' }, button);
    cell.dataset.key = key;
    button.onclick = () => {
      sorted.down = sorted.key === key ? !sorted.down : key !== 'name';
      sorted.key = key;
      order();
    };
    head.append(cell);
  }
  const mean = element('tr', {}, element('th', { scope: 'row' }, 'mean'), ...cells('mean', scores.mean, meanIntervals, columns));
  $('table').append(element('thead', {}, head), body, element('tfoot', {}, mean));
  order();
}
function showBars() {
  const keys = BARS.filter(key => scores.mean[key] != null);
  $('bar-score').append(...keys.map(key => element('option', { value: key, title: scoreOf[key].meaning }, scoreOf[key].title)));
  const draw = () => {
    const key = $('bar-score').value, { title, digits, meaning } = scoreOf[key];
    const list = classNames.filter(name => scores.classes[name][key] != null)
      .map(name => ({ name, value: scores.classes[name][key], interval: intervalsOf.get(name)[key] }))
      .sort((a, b) => b.value - a.value);
    const mean = { name: 'mean', value: scores.mean[key], interval: meanIntervals[key] };
    const most = Math.max(key.startsWith('count') ? 0 : 1, ...[mean, ...list].map(one => one.interval ? one.interval[1] : one.value)) || 1;
    const row = one => {
      const track = element('span', { className: 'track' }), fill = element('span', { className: 'fill' });
      fill.style.width = `${Math.max(0, one.value) / most * 100}%`;
      track.append(fill);
      if (one.interval) {
        const whisker = element('span', { className: 'whisker' });
        whisker.style.left = `${one.interval[0] / most * 100}%`;
        whisker.style.width = `${(one.interval[1] - one.interval[0]) / most * 100}%`;
        track.append(whisker);
      }
      const text = `${one.name}: ${title} ${fixed(one.value, digits)}` + (one.interval ? `, ${range(one.interval, digits)}` : '');
      const line = element(one === mean ? 'div' : 'button', { className: one === mean ? 'row mean' : 'row', title: text, 'aria-label': text },
        element('span', { className: 'name' }, one.name), track, element('span', { className: 'value' }, fixed(one.value, digits)));
      if (one !== mean) line.onclick = () => showClass(one.name);
      return line;
    };
    $('bars').title = meaning;
    $('bars').replaceChildren(row(mean), ...list.map(row));
  };
  $('bar-score').onchange = draw;
  if (keys.length) draw();
}
function showClass(name) {
  $('class').value = name;
  arrange();
  $('images').scrollIntoView();
}

/* ---- pictures: text in script elements below, which may still be on their way ---- */
async function piece(id) {
  for (;;) {
    const holder = $(id), whole = document.readyState !== 'loading';
    if (holder && (whole || holder.nextElementSibling)) return holder.textContent;
    if (whole) return null;
    await new Promise(again => setTimeout(again, 40));
  }
}
async function picture(id) {
  const base64 = await piece(id);
  if (!base64) return null;
  const image = new Image();
  image.src = 'data:image/jpeg;base64,' + base64;
  await image.decode();
  return image;
}
const shapesOf = async i => JSON.parse(await piece('s' + i));

/* ---- the gallery ---- */
function hatching(pen) {
  const tile = element('canvas', { width: 8, height: 8 }), line = tile.getContext('2d');
  line.strokeStyle = COLORS.missed;
  line.lineWidth = 1.6;
  for (const from of [-8, 0, 8]) { line.moveTo(from, 8); line.lineTo(from + 8, 0); }
  line.stroke();
  return pen.createPattern(tile, 'repeat');
}
/** One path for all shapes of a kind, so that a hundred objects cost as much as one. */
function paintShapes(canvas, image, lists, zoom) {
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const pen = canvas.getContext('2d');
  pen.drawImage(image, 0, 0);
  for (const kind of Object.keys(COLORS)) {
    const paths = lists.flatMap(([shapes, kinds]) => shapes.filter(shape => kinds[shape[1]] === kind).map(shape => shape[0]));
    if (!paths.length) continue;
    const all = new Path2D();
    all.addPath(new Path2D(paths.join('')), new DOMMatrix([zoom, 0, 0, zoom, 0, 0]));
    pen.fillStyle = kind === 'missed' ? hatching(pen) : COLORS[kind];
    pen.globalAlpha = kind === 'missed' ? 0.75 : FILLS[kind];
    pen.fill(all);
    pen.globalAlpha = 1;
    pen.strokeStyle = COLORS[kind];
    pen.lineWidth = 1.8;
    pen.setLineDash(DASHES[kind]);
    pen.stroke(all);
  }
}
async function paintCard(card) {
  const [image, shapes] = await Promise.all([picture('t' + card.index), shapesOf(card.index)]);
  if (!card.near || !image) return;
  const zoom = image.naturalWidth / images[card.index].size[0];
  paintShapes(card.canvases[0], image, [[shapes.regions || shapes.found, FOUND]], zoom);
  paintShapes(card.canvases[1], image, [[shapes.truth, TRUE]], zoom);
}
const watcher = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) {
    const card = cards[+target.dataset.index];
    if (isIntersecting === card.near) continue;
    card.near = isIntersecting;
    if (card.near) paintCard(card);
    else for (const canvas of card.canvases) canvas.width = canvas.height = 0;  // gives the pixels back
  }
}, { rootMargin: '500px 0px' });

function summary(image) {
  if (image.f1 !== undefined) return `F1 ${fixed(image.f1, 3)}`;
  if (image.iou !== undefined) return `IoU ${fixed(image.iou, 3)}`;
  return image.truth === undefined ? '' : `off by ${error(image)}`;
}
const mistakes = image => (image.false ?? 0) + (image.missed ?? 0);
const error = image => image.truth === undefined ? 0 : Math.abs(image.found - image.truth);
function makeCard(image, index) {
  const canvases = ['found', 'truth'].map(what => element('canvas', { width: 0, height: 0, title: what }));
  const chips = element('div', { className: 'chips' });
  const chip = (text, kind, title) => chips.append(element('span', { className: kind, title }, text));
  if (image.right !== undefined) {
    chip(`${image.right} right`, 'matched', 'found, and right');
    chip(`${image.false} false`, 'wrong', 'found, but false');
    chip(`${image.missed} missed`, 'missed', 'not found');
  }
  chip(image.truth === undefined ? `${image.found} found` : `${image.found} found of ${image.truth}`, '', 'objects found, true objects');
  chip(`${fixed(image.seconds, 2)} s`, '', 'time that it took');
  const meter = element('i');
  meter.style.width = `${100 * image.quality}%`;
  const label = [`${image.class}, ${image.name}`, summary(image), ...[...chips.children].map(one => one.textContent)].filter(Boolean).join(', ');
  const button = element('button', { className: 'card', 'aria-label': `${label}. Found on the left, truth on the right; opens a larger view.` },
    element('div', { className: 'pair' }, ...canvases), element('div', { className: 'meter' }, meter),
    element('div', { className: 'about' },
      element('div', { className: 'top' }, element('span', { className: 'name', title: `${image.class} / ${image.name}` }, element('span', {}, image.class + ' / '), image.name),
        element('span', { className: 'score' }, summary(image))), chips));
  button.onclick = () => view.open(index);
  const item = element('li', {}, button);
  item.dataset.index = index;
  watcher.observe(item);
  return { index, item, button, canvases, near: false };
}
const cards = images.map(makeCard);

const ORDERS = {
  worst: ['worst first', (a, b) => images[a].quality - images[b].quality || mistakes(images[b]) - mistakes(images[a])],
  best: ['best first', (a, b) => images[b].quality - images[a].quality],
  missed: ['most missed', (a, b) => (images[b].missed ?? 0) - (images[a].missed ?? 0)],
  false: ['most false', (a, b) => (images[b].false ?? 0) - (images[a].false ?? 0)],
  count: ['count furthest off', (a, b) => error(images[b]) - error(images[a])],
  slow: ['slowest', (a, b) => images[b].seconds - images[a].seconds],
  place: ['as in the data set', (a, b) => a - b],
};
let shown = [];  // indices, in the gallery's order
function arrange() {
  const name = $('class').value, part = $('search').value.trim().toLowerCase();
  shown = [...images.keys()].filter(i => (!name || images[i].class === name) && `${images[i].class}/${images[i].name}`.toLowerCase().includes(part))
    .sort(ORDERS[$('order').value][1]);
  $('gallery').replaceChildren(...shown.map(i => cards[i].item));
  $('shown').textContent = shown.length === images.length ? counted(images.length, 'image') : `${shown.length} of ${counted(images.length, 'image')}`;
  $('none').hidden = shown.length > 0;
}
function showControls() {
  $('class').append(element('option', { value: '' }, 'all'), ...classNames.map(name => element('option', { value: name }, name)));
  $('order').append(...Object.entries(ORDERS).map(([key, [text]]) => element('option', { value: key }, text)));
  $('controls').onsubmit = event => event.preventDefault();
  $('class').onchange = $('order').onchange = $('search').oninput = arrange;
  if (images.some(image => image.right === undefined && image.iou === undefined)) document.querySelector('.needs-other').hidden = false;
  arrange();
}

/* ---- the run ---- */
$('facts').append(...listed([['persense', data.version], ...data.facts]));
addSeconds();
showHead();
showTable();
showBars();
const view = makeViewer();
showControls();
view.openFromAddress();
