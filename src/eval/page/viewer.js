/* One image as large as the window: its errors, what was found, what is true, the stages. */
function makeViewer() {
  const svg = (tag, attributes, ...children) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const VIEWS = ['errors', 'found', 'truth', 'photo', 'steps'];
  const dialog = $('viewer'), stage = $('stage'), sheet = $('sheet');
  const state = { index: -1, view: 'errors', turn: 0, size: [1, 1], zoom: 1, x: 0, y: 0 };

  /* ---- what is drawn ---- */
  const LEGENDS = {
    errors: [['matched', 'found, and right'], ['wrong', 'found, but false'], ['missed', 'missed'], ['other', 'not counted, or not known']],
    found: [], photo: [], steps: [], truth: [['matched', 'found'], ['missed', 'missed'], ['other', 'not counted, or not known']],
  };
  function shape([path], kind, color, about) {
    const made = svg('path', { d: path, stroke: color, fill: kind === 'missed' ? 'url(#hatch)' : color, 'fill-opacity': kind === 'missed' ? 1 : FILLS[kind] });
    if (DASHES[kind].length) made.setAttribute('stroke-dasharray', DASHES[kind].join(' '));
    made.dataset.kind = kind;
    made.dataset.about = about;
    return made;
  }
  const aboutFound = ([, at, score, area, iou]) => `${SAID_FOUND[at]}: ${score === null ? '' : `score ${score}, `}${area.toLocaleString('en')} pixels` +
    (iou === null ? '' : `, IoU ${iou}`);
  const aboutTrue = ([, at, area]) => `${SAID_TRUE[at]}: ${area.toLocaleString('en')} pixels`;
  function drawn(shapes) {
    const found = () => (shapes.regions || shapes.found).map(one => shape(one, FOUND[one[1]], COLORS[FOUND[one[1]]], aboutFound(one)));
    const truth = list => list.map(one => shape(one, TRUE[one[1]], COLORS[TRUE[one[1]]], aboutTrue(one)));
    if (state.view === 'found') return shapes.found.map((one, k) => shape(one, 'matched', PALETTE[k % PALETTE.length], aboutFound(one)));
    if (state.view === 'truth') return truth(shapes.truth);
    if (state.view === 'errors') return [...truth(shapes.truth.filter(one => one[1] > 0)), ...found()];
    return [];
  }
  function hatch(side) {
    const step = side / 110;
    return svg('defs', {}, svg('pattern', { id: 'hatch', patternUnits: 'userSpaceOnUse', width: step, height: step, patternTransform: 'rotate(45)' },
      svg('line', { x1: 0, y1: 0, x2: 0, y2: step, stroke: COLORS.missed, 'stroke-width': step * 0.5 })));
  }
  async function draw() {
    const turn = ++state.turn, { index } = state, image = images[index], steps = state.view === 'steps';
    const [photo, shapes] = await Promise.all([picture((steps ? 'f' : 'p') + index), steps ? null : shapesOf(index)]);
    if (turn !== state.turn) return;  // another one was asked for meanwhile
    stage.classList.toggle('figure', steps && photo !== null);
    $('object').textContent = '';
    if (!photo) {
      sheet.replaceChildren(element('p', {}, 'This method says nothing of its stages.'));
      state.size = [stage.clientWidth, stage.clientHeight];
    } else if (steps) {
      photo.alt = `The stages of ${image.class} / ${image.name}: support, similarity, detections, density, prompts, masks`;
      sheet.replaceChildren(photo);
      state.size = [photo.naturalWidth, photo.naturalHeight];
    } else {
      photo.alt = `${image.class} / ${image.name}`;
      sheet.replaceChildren(photo, svg('svg', { viewBox: `0 0 ${image.size[0]} ${image.size[1]}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
        hatch(Math.max(...image.size)), ...drawn(shapes)));
      const kinds = new Set([...sheet.querySelectorAll('path')].map(path => path.dataset.kind));
      $('viewer-legend').replaceChildren(...LEGENDS[state.view].filter(([kind]) => kinds.has(kind))
        .map(([kind, text]) => element('li', {}, element('i', { className: 'key ' + kind }), text)));
      state.size = image.size;
    }
    photo?.setAttribute('draggable', 'false');
    if (steps || !photo) $('viewer-legend').replaceChildren();
    fit();
  }
  function showNumbers() {
    const image = images[state.index], at = shown.indexOf(state.index);
    $('viewer-name').textContent = `${image.class} / ${image.name}`;
    $('viewer-at').textContent = `${at + 1} of ${shown.length}, ${image.size[0]} \u00d7 ${image.size[1]}`;
    $('previous').disabled = at <= 0;
    $('next').disabled = at + 1 >= shown.length;
    const rows = [['F1', image.f1, 3], ['PQ', image.pq, 3], ['IoU', image.iou, 3], ['mF1', image.mf1, 3], ['right', image.right, 0], ['false', image.false, 0],
      ['missed', image.missed, 0], ['truth', image.truth, 0], ['found', image.found, 0], ['density\u2019s sum', image.estimated, 1], ['seconds', image.seconds, 2]];
    $('numbers').replaceChildren(...listed(rows.filter(row => row[1] !== undefined).map(([name, value, digits]) => [name, fixed(value, digits)])));
    $('notes').replaceChildren(...(image.notes || []).map(note => element('li', {}, note)));
    for (const tab of $('views').children) tab.setAttribute('aria-selected', tab.dataset.view === state.view);
  }
  function show() {
    showNumbers();
    draw();
  }

  /* ---- where it is drawn ---- */
  function place() {
    sheet.style.cssText = `left:${state.x}px;top:${state.y}px;width:${state.size[0] * state.zoom}px;height:${state.size[1] * state.zoom}px`;
  }
  const fitting = () => Math.min(stage.clientWidth / state.size[0], stage.clientHeight / state.size[1]);
  function fit() {
    state.zoom = fitting();
    state.x = (stage.clientWidth - state.size[0] * state.zoom) / 2;
    state.y = (stage.clientHeight - state.size[1] * state.zoom) / 2;
    place();
  }
  function zoom(ratio, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const next = Math.min(40 * fitting(), Math.max(fitting(), state.zoom * ratio)), by = next / state.zoom;
    if (next === fitting()) { fit(); return; }
    state.x = x - (x - state.x) * by;
    state.y = y - (y - state.y) * by;
    state.zoom = next;
    place();
  }
  const fingers = new Map();
  stage.addEventListener('pointerdown', event => {
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (event.target.dataset.about) $('object').textContent = event.target.dataset.about;
  });
  stage.addEventListener('pointermove', event => {
    const before = fingers.get(event.pointerId);
    if (!before) {
      $('object').textContent = event.target.dataset.about || '';
      return;
    }
    const now = [event.clientX, event.clientY];
    fingers.set(event.pointerId, now);
    if (fingers.size === 1) {
      state.x += now[0] - before[0];
      state.y += now[1] - before[1];
      place();
    } else {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1], box = stage.getBoundingClientRect();
      const apart = point => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
      zoom(apart(now) / apart(before), other[0] - box.left, other[1] - box.top);
    }
  });
  for (const end of ['pointerup', 'pointercancel']) stage.addEventListener(end, event => fingers.delete(event.pointerId));
  stage.addEventListener('wheel', event => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 350), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  stage.addEventListener('dblclick', fit);
  new ResizeObserver(() => { if (dialog.open) fit(); }).observe(stage);

  /* ---- from image to image ---- */
  function address(hash) {
    try { history.replaceState(null, '', hash || location.href.replace(/#.*/, '')); } catch (refused) { /* a page in a frame, say */ }
  }
  function open(index) {
    state.index = index;
    if (!dialog.open) {
      dialog.showModal();
      stage.focus();
    }
    address('#image-' + index);
    show();
  }
  function move(by) {
    const next = shown[shown.indexOf(state.index) + by];
    if (next !== undefined) open(next);
  }
  function choose(name) {
    state.view = name;
    show();
  }
  for (const tab of $('views').children) tab.onclick = () => choose(tab.dataset.view);
  $('previous').onclick = () => move(-1);
  $('next').onclick = () => move(1);
  $('close').onclick = () => dialog.close();
  dialog.addEventListener('close', () => {
    ++state.turn;
    sheet.replaceChildren();
    address('');
    cards[state.index].button.scrollIntoView({ block: 'nearest', behavior: 'instant' });
    cards[state.index].button.focus({ preventScroll: true });
  });
  dialog.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = { ArrowLeft: () => move(-1), ArrowRight: () => move(1), '+': () => zoom(1.4), '=': () => zoom(1.4), '-': () => zoom(1 / 1.4), 0: fit };
    VIEWS.forEach((name, k) => { actions[k + 1] = () => choose(name); });
    if (!actions[event.key]) return;
    actions[event.key]();
    event.preventDefault();
  });
  function openFromAddress() {
    const match = /^#image-(\d+)$/.exec(location.hash);
    if (match && images[+match[1]]) open(+match[1]);
  }
  return { open, openFromAddress };
}
