// What JSX becomes in the widget: the bundle has it anyway.

export { createElement, Fragment } from "preact";
