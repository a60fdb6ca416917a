"""The looks: a dark theme and a light one."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="doctor-dark",
    primary="#56b4e9",
    secondary="#7aa2c8",
    accent="#56b4e9",
    warning="#f2b84b",
    error="#ff6b6b",
    success="#4ec98f",
    foreground="#d8dee9",
    background="#0d1017",
    surface="#0d1017",
    panel="#151a23",
    dark=True,
    variables={
        "text-muted": "#7d8797",
        "border": "#56b4e9",
        "border-blurred": "#2a3240",
        "grid": "#232b38",
        "block-cursor-background": "#1d3a52",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#18202b",
        "block-hover-background": "#151c26",
        "footer-background": "#151a23",
        "footer-key-foreground": "#56b4e9",
        "footer-description-foreground": "#9aa4b2",
        "scrollbar": "#2a3240",
        "scrollbar-background": "#0d1017",
        "scrollbar-corner-color": "#0d1017",
    },
)

LIGHT = Theme(
    name="doctor-light",
    primary="#1f6fa8",
    secondary="#3c6a8f",
    accent="#1f6fa8",
    warning="#9a6400",
    error="#c0262d",
    success="#0b7a4b",
    foreground="#20242b",
    background="#fbfbf9",
    surface="#fbfbf9",
    panel="#eef0f2",
    dark=False,
    variables={
        "text-muted": "#6b7480",
        "border": "#1f6fa8",
        "border-blurred": "#cfd4da",
        "grid": "#e6e8eb",
        "block-cursor-background": "#cfe4f3",
        "block-cursor-foreground": "#0d1017",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#e9eef3",
        "block-hover-background": "#f1f4f7",
        "footer-background": "#eef0f2",
        "footer-key-foreground": "#1f6fa8",
        "footer-description-foreground": "#4a525d",
        "scrollbar": "#cfd4da",
        "scrollbar-background": "#fbfbf9",
        "scrollbar-corner-color": "#fbfbf9",
    },
)
