// What a page does where scripts run, and is whole without: times in the reader's zone with UTC beside
// them, and what is new without a reload. Nothing here is needed to read or to answer.
"use strict";
(() => {
  const two = (number) => String(number).padStart(2, "0");
  const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const hour = (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;

  function localTimes(root) {
    for (const it of root.querySelectorAll("time[datetime]")) {
      const at = new Date(it.dateTime);
      if (Number.isNaN(at.getTime()) || at.getTimezoneOffset() === 0) continue;
      const utc = at.toISOString();
      const beside = document.createElement("span");
      beside.className = "utc";
      const same = day(at) === utc.slice(0, 10);
      beside.textContent = ` (${same ? "" : `${utc.slice(0, 10)} `}${utc.slice(11, 19)} UTC)`;
      it.textContent = `${day(at)} ${hour(at)}`;
      it.append(beside);
    }
  }

  const stale = document.getElementById("stale");
  const isBusy = () => {
    const at = document.activeElement;
    return at !== null && at.closest("form") !== null;
  };

  function put(next) {
    const open = [...document.querySelectorAll("main details[open][id]")].map((it) => it.id);
    const focused = document.activeElement?.closest("main [id]")?.id;
    const main = document.querySelector("main");
    main.replaceChildren(...next.querySelector("main").childNodes);
    document.title = next.title;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    localTimes(main);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    document.body.dataset.poll = next.body.dataset.poll ?? "";
  }

  // What a person is filling in is not taken away from under their hands.
  async function refresh() {
    if (isBusy()) return;
    const reply = await fetch(location.href, { cache: "no-store", redirect: "error" });
    if (reply.status >= 500 || isBusy()) throw new Error("no page");
    put(new DOMParser().parseFromString(await reply.text(), "text/html"));
  }

  const tell = (isDead) => {
    if (stale) stale.hidden = !isDead;
  };

  async function poll() {
    const seconds = Number(document.body.dataset.poll);
    if (!seconds) return;
    setTimeout(async () => {
      await refresh().then(() => tell(false), () => tell(!isBusy()));
      poll();
    }, seconds * 1000);
  }

  function stream(url) {
    const source = new EventSource(url);
    let due = 0;
    const soon = () => {
      clearTimeout(due);
      due = setTimeout(() => refresh().then(() => tell(false), () => tell(!isBusy())), 400);
    };
    let opened = false;
    source.addEventListener("open", () => {
      tell(false);
      if (opened) soon();
      opened = true;
    });
    source.addEventListener("changed", soon);
    source.addEventListener("error", () => tell(true));
    addEventListener("pagehide", () => source.close());
  }

  localTimes(document);
  const live = document.body.dataset.stream;
  if (live) stream(live);
  else poll();
})();
