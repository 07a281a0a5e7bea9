({
  // Elements that stick out of the page, and are not inside something that scrolls by itself.
  overflowing: () => {
    const width = document.documentElement.clientWidth;
    const apart = ".scroll, .follow, nav ol, pre, .sr, .skip, #js-plotly-tester, defs, clipPath, symbol, caption";
    const found = [...document.body.querySelectorAll("*")].filter((element) => {
      if (element.closest(apart)) return false;
      const box = element.getBoundingClientRect();
      return box.width > 0 && box.height > 0 && (box.right > width + 1 || box.left < -1);
    });
    return found.map((e) => `${e.tagName}.${e.getAttribute("class")}: ${e.textContent.slice(0, 40)}`);
  },

  // Texts whose contrast with what is behind them is below 4.5, with the contrast.
  faint: () => {
    const channel = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const luminance = (rgb) => {
      const [r, g, b] = rgb.map((v) => channel(v / 255));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const parse = (colour) => {
      const parts = colour.match(/[\d.]+/g).map(Number);
      return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
    };
    const behind = (element) => {
      for (let e = element; e; e = e.parentElement) {
        const ground = parse(getComputedStyle(e).backgroundColor);
        if (ground.alpha === 1) return ground.rgb;
      }
      return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    let seen = 0;
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (!walker.currentNode.data.trim() || element.closest("script, style, noscript, .sr, caption")) continue;
      if (!element.checkVisibility({ visibilityProperty: true })) continue;
      seen += 1;
      const style = getComputedStyle(element);
      const ink = parse(element instanceof SVGElement ? style.fill : style.color);
      const [high, low] = [luminance(ink.rgb), luminance(behind(element))].sort((a, b) => b - a);
      const contrast = (high + 0.05) / (low + 0.05);
      if (ink.alpha < 1 || contrast < 4.5) found.push([walker.currentNode.data.trim().slice(0, 40), contrast]);
    }
    return { seen, found };
  },

  // Pairs of texts in one figure that cover each other, and texts that stick out of their figure.
  collisions: () => {
    const found = [];
    for (const plot of document.querySelectorAll(".plot")) {
      const frame = plot.querySelector(".main-svg").getBoundingClientRect();
      const texts = [...plot.querySelectorAll(".xtick text, .ytick text, .annotation-text, .textpoint text, .legendtext, .xtitle, .ytitle, .gtitle")]
        .filter((e) => e.textContent.trim() && e.getBoundingClientRect().width)
        .map((e) => ({ text: e.textContent, box: e.getBoundingClientRect() }));
      texts.forEach(({ text, box }, index) => {
        if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) {
          found.push(`${plot.dataset.chart}: ${text} sticks out`);
        }
        for (const other of texts.slice(index + 1)) {
          const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
          const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
          if (across > 2 && down > 2) found.push(`${plot.dataset.chart}: ${text} on ${other.text}`);
        }
      });
    }
    return found;
  },

  // The cells of a column as a reader sees them: rows that are shown, in order.
  column: ([selector, index]) =>
    [...document.querySelector(selector).tBodies[0].rows]
      .filter((row) => row.checkVisibility())
      .map((row) => row.cells[index].textContent.trim()),

  // The opacity of every mark of a figure, by the name that its trace belongs to.
  opacities: (id) =>
    (document.querySelector(`[data-chart="${id}"]`).data ?? []) // none in a closed fold
      .filter((trace) => trace.meta !== null)
      .map((trace) => [trace.meta, trace.opacity]),

  // The middle of the point of a figure whose trace shows the case, in the window.
  place: ([id, title]) => {
    const plot = document.querySelector(`[data-chart="${id}"]`);
    const notes = JSON.parse(document.getElementById("data").textContent).charts[id].notes;
    const trace = plot.data.findIndex((t) => t.customdata && notes[t.customdata[0]].title === title);
    const axes = ({ xaxis = "x", yaxis = "y" }) => xaxis + yaxis;
    const bars = [...plot.querySelectorAll(`.subplot.${axes(plot.data[trace])} .trace.bars`)];
    const alike = (t) => t.type === "bar" && axes(t) === axes(plot.data[trace]);
    const nth = plot.data.slice(0, trace).filter(alike).length;
    const layer = plot.data[trace].type === "bar" ? bars[nth] : plot.querySelector(`.trace${plot._fullData[trace].uid}`);
    const point = layer.querySelector("path.point, .point path");
    point.scrollIntoView({ block: "center", behavior: "instant" });
    const box = point.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  },
})
