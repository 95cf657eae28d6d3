// The chat: asks every model on the page, shows replies as they come. Texts are set as text, never as HTML.
"use strict";

(() => {
  const words = document.getElementById("words").dataset;
  const question = document.getElementById("question");
  const send = document.getElementById("send");
  const stop = document.getElementById("stop");
  const sampling = document.getElementById("sampling");
  const models = [...document.querySelectorAll(".model")].map((root) => ({
    root,
    number: Number(root.dataset.model),
    turns: [],
    log: root.querySelector(".bubbles"),
    failed: root.querySelector(".failed"),
    save: root.querySelector(".save"),
    template: root.querySelector(".template"),
  }));
  let stopping = null;

  const settings = () => {
    const given = Object.fromEntries(new FormData(sampling));
    return {
      temperature: Number(given.temperature),
      top_p: Number(given.top_p),
      max_tokens: Number(given.max_tokens),
      seed: Number(given.seed),
    };
  };
  const messages = (model) => {
    const system = new FormData(sampling).get("system").trim();
    return [...(system ? [{ role: "system", content: system }] : []), ...model.turns];
  };

  const bubble = (model, role, text) => {
    const turn = document.createElement("section");
    turn.className = `turn ${role}`;
    const head = document.createElement("h3");
    head.textContent = words[role];
    const body = document.createElement("div");
    body.className = "text";
    body.dir = "auto";
    body.textContent = text;
    turn.append(head, body);
    model.log.append(turn);
    return { turn, body };
  };

  const think = (shown, text) => {
    if (!shown.thinking) {
      const details = document.createElement("details");
      details.className = "thinking";
      const summary = document.createElement("summary");
      summary.textContent = words.thinking;
      shown.thinking = document.createElement("div");
      shown.thinking.className = "text";
      details.append(summary, shown.thinking);
      shown.turn.insertBefore(details, shown.body);
    }
    shown.thinking.textContent += text;
  };

  const post = (address, model, signal) =>
    fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ model: model.number, messages: messages(model), sampling: settings() }),
      signal,
    });

  const events = async function* (response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) if (part.startsWith("data: ")) yield JSON.parse(part.slice(6));
    }
  };

  const answer = async (model, signal) => {
    const turn = { role: "assistant", content: "" };
    const shown = bubble(model, "assistant", "");
    let isWhole = false;
    model.log.setAttribute("aria-busy", "true");
    try {
      const response = await post("/chat/reply", model, signal);
      if (!response.ok) throw new Error(`${response.status}`);
      for await (const event of events(response)) {
        if (event.error) throw new Error(event.error);
        if (event.done) isWhole = true;
        if (event.thinking) {
          turn.reasoning_content = (turn.reasoning_content || "") + event.thinking;
          think(shown, event.thinking);
        }
        if (event.text) {
          turn.content += event.text;
          shown.body.textContent = turn.content;
        }
      }
      if (!isWhole) throw new Error(words.broken);
    } catch (error) {
      model.failed.textContent = error.name === "AbortError" ? words.stopped : error.message;
    }
    model.log.setAttribute("aria-busy", "false");
    if (turn.content) model.turns.push(turn);
    else {
      shown.turn.remove();
      // A question without an answer is taken back, so that the next one is not the second in a row.
      const asked = model.turns.pop();
      if (asked && !question.value) question.value = asked.content;
      if (model.log.lastElementChild) model.log.lastElementChild.remove();
    }
    model.save.querySelector("button").disabled = model.turns.length === 0;
  };

  document.getElementById("say").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = question.value.trim();
    if (!text || stopping || !sampling.reportValidity()) return;
    question.value = "";
    stopping = new AbortController();
    send.disabled = true;
    stop.disabled = false;
    for (const model of models) {
      model.failed.textContent = "";
      model.turns.push({ role: "user", content: text });
      bubble(model, "user", text);
    }
    await Promise.all(models.map((model) => answer(model, stopping.signal)));
    stopping = null;
    send.disabled = false;
    stop.disabled = true;
    question.focus();
  });
  sampling.addEventListener("submit", (event) => event.preventDefault());
  stop.addEventListener("click", () => stopping && stopping.abort());
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) document.getElementById("say").requestSubmit();
  });
  document.getElementById("clear").addEventListener("click", () => {
    if (stopping) stopping.abort();
    for (const model of models) {
      model.turns = [];
      model.log.replaceChildren();
      model.failed.textContent = "";
      model.template.hidden = true;
      model.save.querySelector("button").disabled = true;
    }
    question.focus();
  });
  for (const model of models) {
    model.root.querySelector(".show-template").addEventListener("click", async () => {
      const asked = question.value.trim();
      const turns = [...messages(model), ...(asked ? [{ role: "user", content: asked }] : [])];
      const body = JSON.stringify({ model: model.number, messages: turns, sampling: settings() });
      try {
        if (!turns.length) return question.focus();
        const headers = { "Content-Type": "application/json" };
        const response = await fetch("/chat/template", { method: "POST", headers, body });
        const told = response.headers.get("Content-Type").includes("json") ? await response.json() : {};
        model.template.textContent = told.text || told.error || `${response.status}`;
        model.template.hidden = false;
      } catch (error) {
        model.failed.textContent = error.message;
      }
    });
    model.save.addEventListener("submit", () => {
      model.save.elements.conversation.value = JSON.stringify({ model: model.number, messages: messages(model) });
    });
  }
  question.focus();
})();
