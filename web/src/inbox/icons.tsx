// The inbox's own icons, of the same set as those of ui/icons.tsx.

import { Icon } from "../ui/icons.tsx";

export const Search = () => (
  <Icon size={16}>
    <path d="M8.7 3.2a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM12.8 12.8l4 4" />
  </Icon>
);

export const Question = () => (
  <Icon>
    <path d="M10 2.7a7.3 7.3 0 1 0 0 14.6 7.3 7.3 0 0 0 0-14.6zM7.9 8a2.1 2.1 0 1 1 3 1.9c-.6.3-.9.8-.9 1.5M10 13.8v.1" />
  </Icon>
);

export const Sliders = () => (
  <Icon>
    <path d="M3 6h7M14 6h3M3 14h3M10 14h7M12 3.9a2.1 2.1 0 1 0 0 4.2 2.1 2.1 0 0 0 0-4.2zM8 11.9a2.1 2.1 0 1 0 0 4.2 2.1 2.1 0 0 0 0-4.2z" />
  </Icon>
);

export const Order = () => (
  <Icon size={16}>
    <path d="M6 4v12M3 13l3 3 3-3M11.5 5.5h5.5M11.5 9.5h4M11.5 13.5h2.5" />
  </Icon>
);

export const Done = ({ size = 20 }) => (
  <Icon size={size}>
    <path d="M10 2.7a7.3 7.3 0 1 0 0 14.6 7.3 7.3 0 0 0 0-14.6zM6.8 10.3l2.3 2.3 4.2-4.9" />
  </Icon>
);

export const Reopen = ({ size = 20 }) => (
  <Icon size={size}>
    <path d="M4.2 8.2A6.3 6.3 0 1 1 3.7 10M3.5 4v4.3h4.3" />
  </Icon>
);

export const Block = () => (
  <Icon size={16}>
    <path d="M10 2.7a7.3 7.3 0 1 0 0 14.6 7.3 7.3 0 0 0 0-14.6zM4.9 4.9l10.2 10.2" />
  </Icon>
);

export const Trash = () => (
  <Icon size={16}>
    <path d="M3.5 5.5h13M8 5.5V3h4v2.5M5 5.5l.8 11.5h8.4L15 5.5M8.4 8.5v5.5M11.6 8.5v5.5" />
  </Icon>
);
