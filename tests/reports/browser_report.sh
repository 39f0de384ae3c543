#!/usr/bin/env bash
# The page in a real browser, at the widths of a phone and a laptop: no script error, nothing wider than the window,
# sorting and filtering work. Chromium prints the DOM of a wrapper page that holds the report in a frame of each width.
#
# usage: tests/browser_report.sh REPORT.html; exit 0 fine, 1 a finding
set -euo pipefail

report=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The collector is the first thing in the page, so that it sees every error and every console.error.
sed '0,/<head>/s//<head><script src="watch.js"><\/script>/' "$report" >"$work/report.html"
# ...and would say nothing at all if it were not there.
grep -q 'src="watch.js"' "$work/report.html" || {
    echo "$report: has no <head> to watch from" >&2
    exit 1
}
cat >"$work/watch.js" <<'END'
window.found = [];
window.addEventListener("error", (e) => window.found.push(`error: ${e.message || "a resource did not load"}`), true);
window.addEventListener("unhandledrejection", (e) => window.found.push(`rejected: ${e.reason}`));
for (const level of ["error", "warn"])
  console[level] = (...words) => window.found.push(`console.${level}: ${words.join(" ")}`);
END
cat >"$work/wrapper.html" <<'END'
<!DOCTYPE html>
<meta charset="utf-8">
<pre id="verdict">nothing ran</pre>
<iframe width="390" height="844" style="border: 0" src="report.html"></iframe>
<iframe width="1280" height="800" style="border: 0" src="report.html"></iframe>
<script>
"use strict";
const widest = (doc) => {
  const limit = doc.documentElement.clientWidth;
  const out = [...doc.body.querySelectorAll("*")].find((e) => !e.parentElement.closest(".scroll") && e.getBoundingClientRect().right > limit + 1);
  return out ? `${out.tagName} "${out.textContent.trim().slice(0, 60)}"` : "";
};
const use = (view, say) => {
  const doc = view.document;
  for (const fold of doc.querySelectorAll("details")) fold.open = true;
  for (const table of doc.querySelectorAll("table.sortable")) {
    const head = table.tHead.rows[0].cells[3];
    for (const order of ["ascending", "descending"]) {
      head.querySelector("button").click();
      if (head.getAttribute("aria-sort") !== order) say(`a click does not sort ${order}`);
      const values = [...table.tBodies[0].rows].map((r) => r.cells[3].dataset.value).filter((v) => v !== undefined).map(Number);
      const sign = order === "ascending" ? 1 : -1;
      if (values.some((v, i) => i > 0 && sign * (v - values[i - 1]) < 0)) say(`ms are not ${order} after a click`);
    }
    const filter = doc.querySelector(`[data-filter="${table.id}"]`);
    filter.value = "no row has these words";
    filter.dispatchEvent(new view.Event("input"));
    if ([...table.tBodies[0].rows].some((r) => !r.hidden)) say("the filter hides nothing");
    filter.value = "";
    filter.dispatchEvent(new view.Event("input"));
    if ([...table.tBodies[0].rows].some((r) => r.hidden)) say("an empty filter hides rows");
  }
};
window.addEventListener("load", () => {
  const lines = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const view = frame.contentWindow, root = view.document.documentElement;
    const say = (words) => lines.push(`at ${frame.width} pixels: ${words}`);
    if (!view.found || !view.document.querySelector("main")) {
      say("the page did not load");
      continue;
    }
    use(view, say);
    if (view.innerWidth !== Number(frame.width)) say(`the frame is ${view.innerWidth} pixels wide`);
    if (root.scrollWidth > root.clientWidth)
      say(`the page is ${root.scrollWidth} pixels wide: ${widest(view.document)}`);
    for (const words of view.found) say(words);
  }
  document.getElementById("verdict").textContent = ["BEGIN", ...lines, "END"].join("\n");
});
</script>
END

# --no-sandbox: containers and root have no user namespaces; the page is our own.
timeout 50 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --hide-scrollbars \
    --user-data-dir="$work/profile" --allow-file-access-from-files --window-size=1400,1800 \
    --virtual-time-budget=20000 --dump-dom "file://$work/wrapper.html" >"$work/dom" 2>"$work/log" || {
    echo "chromium ended with $?: $(tail -n 1 "$work/log")" >&2
    exit 1
}
verdict=$(sed -n '/<pre id="verdict">BEGIN/,/^END/p' "$work/dom")
if [[ -z $verdict ]]; then
    echo "$report: the browser did not finish looking at it" >&2
    exit 1
fi
complaints=$(sed '1d;$d' <<<"$verdict")
if [[ -n $complaints ]]; then
    printf '%s\n' "$complaints" >&2
    exit 1
fi
