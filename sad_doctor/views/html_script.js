// Reads a value under the pointer, hides a series, draws a part of the steps larger. Without it the page is whole too.
"use strict";
for (const figure of document.querySelectorAll("figure[data-chart]")) {
  const chart = JSON.parse(figure.dataset.chart);
  const svg = figure.querySelector("svg");
  const cursor = svg.querySelector(".cursor");
  const at = figure.querySelector(".at");
  const buttons = [...figure.querySelectorAll("button[data-series]")];
  const last = buttons.map((button) => button.querySelector("b").textContent);
  const [x0, x1, first, end] = chart.x;
  let left = first;
  let right = end;
  const place = (step) => x0 + ((step - left) / (right - left)) * (x1 - x0);
  const height = (value) => {
    const [y0, y1, low, high, log] = chart.y;
    const scale = log ? Math.log : (number) => number;
    const share = (scale(value) - scale(low)) / (scale(high) - scale(low));
    return y0 + Math.min(1, Math.max(0, share)) * (y1 - y0);
  };
  const stepAt = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    return left + Math.min(1, Math.max(0, (x - x0) / (x1 - x0))) * (right - left);
  };
  const nearest = (steps, wanted) => {
    let low = 0;
    let high = steps.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low > 0 && wanted - steps[low - 1] < steps[low] - wanted ? low - 1 : low;
  };
  const spelled = (value) =>
    typeof value === "number" ? value.toLocaleString("en", { maximumSignificantDigits: 5 }) : value;
  const show = (event) => {
    const wanted = stepAt(event);
    let told = wanted;
    chart.series.forEach((series, number) => {
      const index = nearest(series.step, wanted);
      if (number === 0) told = series.step[index];
      buttons[number].querySelector("b").textContent = spelled(series.value[index]);
    });
    cursor.setAttribute("x1", place(told));
    cursor.setAttribute("x2", place(told));
    cursor.setAttribute("visibility", "visible");
    at.textContent = "step " + spelled(told);
  };
  const redraw = () => {
    const all = left === first && right === end;
    for (const group of svg.querySelectorAll("g[data-series]")) {
      const series = chart.series[group.dataset.series];
      group.classList.toggle("zoomed", !all);
      group.querySelectorAll(".zoom").forEach((line) => line.remove());
      if (all || group.querySelector(".level")) continue;
      const points = [];
      series.step.forEach((step, index) => {
        const value = series.value[index];
        const seen = step >= left && step <= right && typeof value === "number" && (!chart.y[4] || value > 0);
        if (seen) points.push(place(step).toFixed(1) + "," + height(value).toFixed(1));
      });
      const line = document.createElementNS(svg.namespaceURI, "polyline");
      line.setAttribute("class", "zoom");
      line.setAttribute("points", points.join(" "));
      group.append(line);
    }
    svg.classList.toggle("part", !all);
    at.textContent = all ? "" : "steps " + spelled(left) + " to " + spelled(right) + " (double click: all)";
  };
  let from = null;
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    buttons.forEach((button, number) => (button.querySelector("b").textContent = last[number]));
    from = null;
  });
  svg.addEventListener("pointerdown", (event) => (from = stepAt(event)));
  svg.addEventListener("pointerup", (event) => {
    const to = stepAt(event);
    if (from !== null && Math.abs(to - from) > (right - left) / 50) {
      [left, right] = [Math.min(from, to), Math.max(from, to)];
      redraw();
    }
    from = null;
  });
  svg.addEventListener("dblclick", () => {
    [left, right] = [first, end];
    redraw();
  });
  buttons.forEach((button) =>
    button.addEventListener("click", () => {
      const group = svg.querySelector('g[data-series="' + button.dataset.series + '"]');
      button.classList.toggle("off", group.classList.toggle("off"));
    }),
  );
  figure.dataset.ready = "";
}
