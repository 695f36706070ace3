"""build/bench/report.html: one page for people, without anything from
elsewhere."""

import html
import os
from statistics import median

import charts
import systems

PATH = f"{systems.BUILD}/bench/report.html"
HERE = os.path.dirname(os.path.abspath(__file__))


def text(value):
    return html.escape(str(value))


def values(rounds, field):
    return [r[field] for r in rounds or [] if r]


def spread(found, form):
    if not found:
        return "–"
    low, high = min(found), max(found)
    return f"{form(median(found))} <small>{form(low)}–{form(high)}</small>"


def thousand(n):
    if n >= 1e6:
        return f"{n / 1e6:.2f} M"
    return f"{n / 1000:.0f} k" if n >= 99_500 else f"{n / 1000:.1f} k"


def time_of(us):
    if us >= 99_500:
        return f"{us / 1000:.0f} ms"
    return f"{us / 1000:.1f} ms" if us >= 1000 else f"{us:.0f} µs"


def micro(us):
    return f"{us:.1f} µs" if us < 100 else f"{us:.0f} µs"


def bytes_of(n):
    return f"{n / 1000:.1f} kB"


def section(title, says, body):
    return f"<section><h2>{text(title)}</h2><p>{says}</p>{body}</section>"


def rate(r):
    return r["delivered_per_s"] or r["stored_per_s"]


def title_of(results, name):
    title = results["systems"][name.split("+")[0]]["title"].split(",")[0]
    return f"{title}, same pools" if "+" in name else title


def colour_of(results, name):
    return results["systems"][name.split("+")[0]]["colour"]


def rows_of(results, shape, value):
    """Systems that were measured so, with the values of all rounds."""
    for name, rounds in results["load"].get(shape, {}).items():
        found = [value(r) for r in rounds if r]
        if found:
            about = results["systems"][name]
            yield charts.Row(about["title"], found, about["colour"])


def best_first(rows, most=True):
    return sorted(rows, key=lambda row: median(row.values), reverse=most)


# --- the parts of the page ---------------------------------------------------

def verdict_rows(verdicts):
    for v in verdicts:
        if v.value is None:
            state, value = "missing", "–"
        else:
            state, value = ("ok" if v.ok else "short"), f"{v.value:.2f}"
        yield (f'<tr class="{state}"><th scope="row">{text(v.says)}'
               f'{f"<small>{text(v.note)}</small>" if v.note else ""}</th>'
               f"<td>{'at least' if v.least else 'at most'} {v.target:g}</td>"
               f"<td><b>{value}</b></td><td>{charts.distance(v)}</td>"
               f'<td><span class="chip">{state}</span></td></tr>')


def verdict_section(verdicts):
    known = [v for v in verdicts if v.value is not None]
    good = sum(v.ok for v in known)
    missing = len(verdicts) - len(known)
    says = f"{good} of {len(known)} targets are met" + \
        (f", {missing} could not be measured" if missing else "") + \
        ". Each value is the median of the ratios of single rounds. The line " \
        "in the middle is the target: a mark to the right of it is better " \
        "than what was wanted, each step of the grid by a factor of two. The " \
        "bar goes from the worst round to the best."
    return section(
        "What was wanted", says,
        '<div class="wide"><table class="verdicts"><thead><tr>'
        "<th>ratio within this run</th><th>wanted</th><th>measured</th>"
        f"<th>{charts.distance_axis()}</th><th></th></tr></thead><tbody>"
        f"{''.join(verdict_rows(verdicts))}</tbody></table></div>")


def rate_section(results):
    rows = best_first(rows_of(results, "many", rate))
    return section(
        "Messages a second, 512 in flight",
        "64 writers with 8 unanswered messages each, and a reader for each "
        "writer. SealChat and Redis answer when the message is synced to "
        "disk, the others before. Redis tells nobody; the echo stores "
        "nothing. Bars are medians, dots are the rounds.",
        charts.bars(rows, thousand, "messages a second"))


def latency_section(results):
    rows = []
    for name, rounds in results["load"].get("many", {}).items():
        got = [r for r in rounds if r and r["delivered_per_s"]]
        if got:
            about = results["systems"][name]
            rows.append(charts.Row(
                about["title"],
                [median(values(got, "delivered_p50_us")),
                 median(values(got, "delivered_p99_us"))], about["colour"]))
    rows.sort(key=lambda row: row.values[1])
    return section(
        "How long a delivery takes meanwhile",
        "From the moment a message is handed over to the moment its reader "
        "has it, in the same rounds: the median, and the 99th percentile.",
        charts.dumbbells(rows, time_of))


def cpu_section(results):
    rows = best_first(rows_of(results, "many",
                              lambda r: r["server_cpu_us"]), False)
    return section(
        "Processor time of the service for a message",
        "User and system time of all processes of each service, in the same "
        "rounds, divided by the messages. The load generator is not counted.",
        charts.bars(rows, micro, "µs a message"))


def one_section(results):
    rows = best_first(rows_of(
        results, "one", lambda r: r["stored_p50_us"]), False)
    few = best_first(rows_of(results, "few", rate))
    return section(
        "One message at a time",
        "One writer who waits for each answer: the median time to it. Each "
        "synced answer waits for the disk alone.",
        charts.bars(rows, time_of, "median time to the answer")) + section(
        "Messages a second, 64 in flight",
        "64 writers who wait for each answer: batches are small, and the "
        "disk decides.",
        charts.bars(few, thousand, "messages a second"))


def syncs_section(results):
    rows = [charts.Row(results["systems"][name]["title"],
                       [found["per_message"]],
                       results["systems"][name]["colour"])
            for name, found in results["syncs"].items()]
    if not rows:
        return ""
    return section(
        "Syncs for a message, 512 in flight",
        "System calls that wait for the disk, counted in one round of a "
        "separate instance that is stopped at those calls alone. A "
        "transaction of LMDB counts twice: it writes its meta page through a "
        "descriptor that syncs.",
        charts.bars(best_first(rows),
                    lambda n: f"{n:.4f}" if n else "none", "syncs a message"))


def idle_section(results):
    out = ""
    for kind, title in (("plain", "An idle WebSocket"),
                        ("tls", "An idle WebSocket over TLS")):
        rows = [charts.Row(title_of(results, name), values(rounds, "bytes"),
                           colour_of(results, name))
                for name, rounds in results["idle"].get(kind, {}).items()
                if values(rounds, "bytes")]
        if rows:
            out += section(
                title, "Memory of all processes of the service for each of "
                f"{results['plan']['connections']:,} connections. SealChat's "
                "are visitors who proved themselves; nchan's are subscribers "
                "of a channel each.",
                charts.bars(best_first(rows, False), bytes_of,
                            "bytes each"))
    rows = [charts.Row(title_of(results, name), values(rounds, "cpu_us"),
                       colour_of(results, name))
            for name, rounds in results["idle"].get("plain", {}).items()
            if values(rounds, "cpu_us") and "+" not in name]
    if rows:
        out += section(
            "Coming back",
            "Processor time of the service for a connection. SealChat's: the "
            "upgrade, a challenge, the check of an Ed25519 signature, READY. "
            "nchan's: the upgrade.",
            charts.bars(best_first(rows, False), micro, "µs each"))
    return out


def store_section(results):
    titles = {"sealchat-1": ("SealChat, from its store", "ours"),
              "link-echo": ("link-echo, without a store", "floor")}
    rows = [charts.Row(titles[name][0], values(rounds, "delivered_per_s"),
                       titles[name][1])
            for name, rounds in results["catch_up"].items()
            if values(rounds, "delivered_per_s")]
    out = ""
    if rows:
        out += section(
            "A device that was away",
            f"Four devices come back to {results['plan']['away']:,} messages "
            "each and read them through the same nginx; the other sidecar has "
            "the same number of bytes in memory and sends them one by one.",
            charts.bars(best_first(rows), thousand, "messages a second"))
    grown = results["growth"]
    if grown:
        rows = [charts.Row("an empty store", [grown["empty_per_s"]], "floor"),
                charts.Row(f"{grown['messages'] / 1e6:g} million stored",
                           [grown["full_per_s"]], "ours")]
        out += section(
            "A store that has grown",
            "Messages accepted a second by two sealchatds as shipped, one "
            "beside the other, over one link each: medians of 60 rounds that "
            "alternate.",
            charts.bars(rows, thousand, "messages accepted a second"))
    return out


def table_section(results):
    head = ("<tr><th>system</th><th>messages/s</th><th>answer p50</th>"
            "<th>answer p99</th><th>delivery p50</th><th>delivery p99</th>"
            "<th>CPU/message</th></tr>")
    titles = {"many": "64 pairs, 8 in flight each",
              "few": "64 pairs, one in flight each", "one": "one at a time"}
    body = ""
    for shape, found in results["load"].items():
        body += f'<tr class="group"><th colspan="7">{titles[shape]}</th></tr>'
        for name, rounds in found.items():
            got = [r for r in rounds if r]
            if not got:
                continue
            cells = [spread([rate(r) for r in got], thousand)]
            for field in ("stored_p50_us", "stored_p99_us",
                          "delivered_p50_us", "delivered_p99_us"):
                seen = [v for v in values(got, field) if v]
                cells.append(spread(seen, time_of))
            cells.append(spread(values(got, "server_cpu_us"), micro))
            body += (f"<tr><th scope='row'>"
                     f"{text(results['systems'][name]['title'])}</th>"
                     + "".join(f"<td>{cell}</td>" for cell in cells)
                     + "</tr>")
    return section(
        "All figures of messages", "Medians of the rounds, and the lowest and "
        "the highest of them.",
        f'<div class="wide"><table class="figures"><thead>{head}</thead>'
        f"<tbody>{body}</tbody></table></div>")


def about_section(results):
    lines = "".join(
        f"<li><b>{text(s['title'])}</b> ({text(s['version'])}): "
        f"{text(s['says'])}.</li>" for s in results["systems"].values())
    lines += "".join(f"<li><b>{text(name)}</b> was not measured: "
                     f"{text(why)}.</li>"
                     for name, why in results["missing"].items())
    return section(
        "What is compared, and why that is fair",
        "All systems run at the same time on this machine, and in each round "
        "one after the other gets the same load, from the same program, over "
        "loopback. All carry messages of 786 bytes, which is SealChat's "
        "whole frame with an envelope of 782. The load generator counts: a "
        "message that is lost or comes twice ends the round without a "
        "figure. Configurations are those of bench/peers, with a sentence "
        "each; docs/performance.md says more.", f"<ul>{lines}</ul>")


def warnings(results):
    out = ""
    about = results["machine"]
    if about["load_before"] > about["cores"] / 2:
        out += ("<p class='note'>The machine had other work when this run "
                f"began (load {about['load_before']:.1f} on "
                f"{about['cores']} cores): absolute figures are low, and "
                "ratios scatter.</p>")
    for failed in results["failed"]:
        out += f"<p class='note bad'>A round failed: {text(failed)}</p>"
    return out


def write(results, verdicts):
    about = results["machine"]
    with open(os.path.join(HERE, "report.css")) as f:
        style = f.read()
    page = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>SealChat beside its peers</title>
<style>{style}</style>
<main>
<header>
<h1>SealChat beside its peers</h1>
<p>{text(about['when'])} · {text(about['processor'])}, {about['cores']} cores,
Linux {text(about['kernel'])}, {text(about['file_system'])} ·
{results['plan']['rounds']} rounds</p>
<p class="legend">{charts.legend()}</p>
{warnings(results)}
</header>
{verdict_section(verdicts)}
<div class="pairs">
{rate_section(results)}{latency_section(results)}{cpu_section(results)}
{one_section(results)}{syncs_section(results)}{idle_section(results)}
{store_section(results)}
</div>
{table_section(results)}
{about_section(results)}
</main>
</html>
"""
    os.makedirs(os.path.dirname(PATH), exist_ok=True)
    with open(PATH, "w") as f:
        f.write(page)
