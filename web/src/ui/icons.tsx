// One stroke set, 1.5 px in a box of 20, drawn for SealChat.

import type { ComponentChildren } from "preact";

export function Icon(props: { size?: number; children: ComponentChildren }) {
  const size = props.size ?? 20;

  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true">
      {props.children}
    </svg>
  );
}

/** A seal's head in two strokes: its contour; eyes, muzzle and whiskers. */
export const Mark = ({ size = 20 }) => (
  <Icon size={size}>
    <path d="M1.5 17.5c2-1.7 2.9-3.9 2.9-6.7C4.4 6 6.4 2.5 10 2.5s5.6 3.5 5.6 8.3c0 2.8.9 5 2.9 6.7" />
    <path d="M7.3 7.7v.5M12.7 7.7v.5M9.3 10.7h1.4L10 11.5zM10 11.5c0 2.3-3.2 2.4-3.8.9M10 11.5c0 2.3 3.2 2.4 3.8.9" />
  </Icon>
);

/** The same face in a speech bubble, for the launcher. */
export const Launch = () => (
  <Icon size={30}>
    <path d="M10 2.5c4.7 0 7.8 2.9 7.8 7s-3.1 7-7.8 7c-.9 0-1.8-.1-2.6-.35L3.5 17.7l.8-3.2C3 13.2 2.2 11.5 2.2 9.5c0-4.1 3.1-7 7.8-7z" />
    <path d="M7.2 7.1v.5M12.8 7.1v.5M9.3 9.9h1.4L10 10.7zM10 10.7c0 2.3-3.2 2.4-3.8.9M10 10.7c0 2.3 3.2 2.4 3.8.9" />
  </Icon>
);

export const Lock = ({ size = 16 }) => (
  <Icon size={size}>
    <path d="M4.5 9h11v7.5h-11zM6.8 9V6.3a3.2 3.2 0 0 1 6.4 0V9" />
  </Icon>
);

export const Close = () => (
  <Icon>
    <path d="M5 5l10 10M15 5L5 15" />
  </Icon>
);

export const Back = () => (
  <Icon>
    <path d="M12 4.5L6.5 10l5.5 5.5" />
  </Icon>
);

export const Down = () => (
  <Icon>
    <path d="M10 4v11.5M5 10.7l5 5 5-5" />
  </Icon>
);

export const More = () => (
  <Icon>
    <path d="M4.5 10h.1M10 10h.1M15.5 10h.1" stroke-width="2.4" />
  </Icon>
);

export const Send = () => (
  <Icon>
    <path d="M10 16V4.5M5 9.3l5-5 5 5" />
  </Icon>
);

export const Warning = () => (
  <Icon>
    <path d="M10 3.2l7.5 13.3h-15zM10 8v4M10 14.2v.1" />
  </Icon>
);

export const Check = ({ size = 20 }) => (
  <Icon size={size}>
    <path d="M4 10.5l4 4 8-9" />
  </Icon>
);

export const Panel = () => (
  <Icon>
    <path d="M3 4h14v12H3zM12.5 4v12" />
  </Icon>
);

export const Code = () => (
  <Icon>
    <path d="M7 6l-4 4 4 4M13 6l4 4-4 4" />
  </Icon>
);

export const Copy = () => (
  <Icon size={16}>
    <path d="M7 7h9.5v9.5H7zM13 7V3.5H3.5V13H7" />
  </Icon>
);

export const Print = () => (
  <Icon size={16}>
    <path d="M5.5 7V3h9v4M5.5 14H3V7h14v7h-2.5M5.5 11.5h9V17h-9z" />
  </Icon>
);

export const Save = () => (
  <Icon size={16}>
    <path d="M10 3v9.5M6 9l4 4 4-4M3.5 16.5h13" />
  </Icon>
);

export const Clock = () => (
  <Icon size={14}>
    <path d="M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6.3V10l2.5 1.7" />
  </Icon>
);

export const OneTick = () => (
  <Icon size={14}>
    <path d="M3.5 10.5l4 4 8-9" />
  </Icon>
);

export const TwoTicks = () => (
  <Icon size={14}>
    <path d="M1 10.8l3.8 3.8L12 6M9.8 13.6l1.2 1L19 6" />
  </Icon>
);

/** The bubble's own colour strokes the ticks: see .filled. */
export const FilledTicks = () => (
  <svg class="icon filled" width={19} height={14} viewBox="0 0 27 20" aria-hidden="true">
    <rect x="0" y="1" width="27" height="18" rx="9" />
    <path d="M5 10.6l3.6 3.6 6.6-7.6M13 13.4l1 .8L20.6 6.6" />
  </svg>
);

export const Cross = () => (
  <Icon size={14}>
    <path d="M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6.5v4M10 13.3v.1" />
  </Icon>
);
