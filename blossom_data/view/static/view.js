// Keys, and what a form leaves out of the address. All pages work without this file.
"use strict";

(() => {
  const isTyping = (target) => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;
  const press = (selector) => {
    const found = document.querySelector(selector);
    if (found) found.click();
    return found !== null;
  };
  const keys = {
    n: () => press('.pages a[rel="next"]'),
    p: () => press('.pages a[rel="prev"]'),
    k: () => press('button[name="mark"][value="keep"]'),
    d: () => press('button[name="mark"][value="drop"]'),
    l: () => press('.pages a[href^="/s/"]:first-child'),
    e: () => {
      const fix = document.getElementById("fix");
      if (!fix) return false;
      fix.open = true;
      fix.querySelector("textarea").focus();
      return true;
    },
    "/": () => {
      const search = document.getElementById("q");
      if (!search) return false;
      search.focus();
      search.select();
      return true;
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const act = keys[event.key];
    if (act && act()) event.preventDefault();
  });

  // An empty field says nothing, and a filter that changes begins at the first row.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.id !== "filters") return;
    const given = event.detail.formData;
    const cause = event.detail.triggeringEvent && event.detail.triggeringEvent.target;
    if (cause && cause.type === "checkbox") given.delete("at");
    for (const name of new Set(given.keys())) {
      const values = given.getAll(name).filter((value) => value !== "");
      given.delete(name);
      for (const value of values) given.append(name, value);
    }
  });

  // On a small screen the filters begin closed: rows come first.
  const fold = () => {
    const facets = document.getElementById("facets");
    if (facets && window.matchMedia("(max-width: 720px)").matches && !sessionStorage.getItem("facets")) facets.open = false;
  };
  document.addEventListener("DOMContentLoaded", fold);
  document.addEventListener("htmx:afterSettle", fold);
  document.addEventListener("toggle", (event) => {
    if (event.target.id !== "facets") return;
    if (event.target.open && event.isTrusted) sessionStorage.setItem("facets", "open");
    else sessionStorage.removeItem("facets");
  }, true);
})();
