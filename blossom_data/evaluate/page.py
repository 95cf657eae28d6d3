"""The scores as one page that needs nothing else: no script, no address; what a name or remark holds stays text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from blossom_data.evaluate.tables import Rows

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}"
    "table{border-collapse:collapse;display:block;overflow-x:auto;margin:1rem 0}"
    "th,td{border-bottom:1px solid #8886;padding:.3rem .7rem;text-align:right;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}li{margin:.3rem 0}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}"
)


def page(title: str, tables: Sequence[tuple[str, Rows]], remarks: Sequence[str]) -> str:
    """An HTML page of tables, each with its head, and of remarks."""
    parts = [f"<h1>{escape(title)}</h1>"]
    for head, rows in tables:
        lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows[1:]]
        names = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        parts.append(f"<h2>{escape(head)}</h2><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>")
    if remarks:
        parts.append(f"<h2>Remarks</h2><ul>{''.join(f'<li>{escape(remark)}</li>' for remark in remarks)}</ul>")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )
