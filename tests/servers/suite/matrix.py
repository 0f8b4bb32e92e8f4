"""The matrix as Markdown."""

HEAD = """\
# Servers: the matrix

Written by `tests/servers/run --write` from real runs; see [the servers](README.md) for a page of each.
A figure in brackets is how far the second count lies from wsbench's.

| column | meaning |
|---|---|
| bytes | at the socket, all phases, beside a packet capture: client to server up, server to client down |
| payload | bytes of messages in so many messages, beside the capture taken apart by a second parser (with TLS: of what the proxy that decrypts it gets, up to the client's end); what compressed ones say after zlib, and answers of 304 |
| latency | median from the server's own message to the client; how far the capture's median and the median of a second, independent client lie from it (at most 1 ms) |
| loss | what wsbench finds missing if the server leaves out every tenth message, beside the capture |

"""


def render(titles, rows, notes, old=""):
    """The matrix of rows; of servers that were not run now, the lines of an old matrix."""
    lines, faults = _kept(old, titles)
    for row in rows:
        title = titles[row.server]
        if row.skipped:
            cells = (title, row.way, f"skipped: {row.skipped}", "", "", "", "")
        else:
            cells = (title, row.way, row.valid, row.bytes, row.payload, row.latency, row.loss)
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
        faults += [f"* {title}, {row.way}: {fault}" for fault in row.faults]
    # By server; its ways stay in their order.
    lines.sort(key=lambda line: line.split(" | ")[0].lower())
    columns = "| server | way | run | bytes | payload | latency | loss |\n|---|---|---|---|---|---|---|\n"
    text = HEAD + columns + "\n".join(lines) + "\n"
    if faults:
        text += "\n## What does not agree\n\n" + "\n".join(sorted(faults)) + "\n"
    return text + "\n## Not measured\n\n" + "\n".join(f"* {n}" for n in notes) + "\n"


def _kept(old, titles):
    table = old.partition("| server |")[2].partition("\n\n")[0].splitlines()[2:]
    faults = old.partition("## What does not agree\n\n")[2].partition("\n\n")[0].splitlines()
    names = tuple(start + title for title in titles for start in ("| ", "* "))
    return ([line for line in table if not line.startswith(names)],
            [line for line in faults if not line.startswith(names)])
