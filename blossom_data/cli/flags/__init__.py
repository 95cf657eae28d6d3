"""The flags that commands share: a frozen dataclass for each group, declared once, shown as a help panel of its own."""
