// What people send who mean harm: to be run as a script, to fill the page, to
// be taken for something else.

const OWN = "globalThis.owned=true";

export const MARKUP: readonly string[] = [
  `<img src=x onerror="${OWN}">`, `<svg onload="${OWN}"></svg>`,
  `<script>${OWN}</script>`,
  `<iframe srcdoc="<script>parent.${OWN}</script>"></iframe>`,
  `<a href="javascript:${OWN}">x</a>`,
  `<details open ontoggle="${OWN}">x</details>`,
  `<style>*{background:crimson!important}</style>`, `<base href="//evil.example/">`,
  `<form action="//evil.example"><input name=q autofocus onfocus="${OWN}"></form>`,
  `<meta http-equiv="refresh" content="9;url=//evil.example/">`,
  `<math><mtext></table><img src=x onerror="${OWN}"></mtext></math>`,
  `<template><img src=x onerror="${OWN}"></template>`,
  `<object data="data:text/html,<script>parent.${OWN}</script>"></object>`,
  `"><b onmouseover="${OWN}" style="position:fixed;inset:0">x</b>`,
  `{{constructor.constructor("${OWN}")()}}`,
  `javascript:${OWN}`, `data:text/html,<script>${OWN}</script>`,
];

export const SIZES: readonly string[] = [
  "a", "\u200b\u200d\ufeff", "\u202e\u2066 nrut ti nrut \u2069\u202c", "𝕋𝕙𝕖 end",
  "e\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308".repeat(200),
  "w".repeat(16_384), "\n".repeat(16_000) + "x",
  "https://bank.example@evil.example/", "http://a.example/" + "(".repeat(8_000),
];
