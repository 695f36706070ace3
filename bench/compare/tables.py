"""build/bench/results.md: the tables of docs/performance.md, of this run."""

from statistics import median

import systems
from report import bytes_of, micro, rate, thousand, time_of, values

PATH = f"{systems.BUILD}/bench/results.md"


def row(*cells):
    return "| " + " | ".join(cells) + " |\n"


def line(cells):
    return "|" + "---|" * cells + "\n"


def verdicts_table(verdicts):
    out = row("ratio within one run", "wanted", "measured", "")
    out += line(4)
    for v in verdicts:
        wanted = f"{'at least' if v.least else 'at most'} {v.target:g}"
        if v.value is None:
            out += row(v.says, wanted, "–", v.why)
            continue
        seen = f"{v.value:.2f}"
        if len(v.rounds) > 1:
            seen += f" ({min(v.rounds):.2f} to {max(v.rounds):.2f})"
        out += row(v.says + (f" ({v.note})" if v.note else ""), wanted, seen,
                   "ok" if v.ok else "short")
    return out


def middle(rounds, field, form):
    found = [v for v in values(rounds, field) if v]
    return form(median(found)) if found else "–"


def messages_table(results, shape):
    out = row("", "messages/s", "answer p50", "delivery p50", "delivery p99",
              "service's CPU a message", "syncs a message")
    out += line(7)
    for name, rounds in results["load"].get(shape, {}).items():
        got = [r for r in rounds if r]
        if got:
            syncs = results["syncs"].get(name) if shape == "many" else None
            out += row(
                results["systems"][name]["title"],
                thousand(median(rate(r) for r in got)),
                middle(got, "stored_p50_us", time_of),
                middle(got, "delivered_p50_us", time_of),
                middle(got, "delivered_p99_us", time_of),
                middle(got, "server_cpu_us", micro),
                f"{syncs['per_message']:.4f}" if syncs else "–")
    return out


def connections_table(results):
    names = ("sealchat-1", "nchan-1", "nchan-1+pools")
    out = row("an idle WebSocket", "SealChat", "nchan",
              "nchan, SealChat's pools")
    out += line(4)
    for says, kind, field, form in (
            ("memory, plain", "plain", "bytes", bytes_of),
            ("memory over TLS", "tls", "bytes", bytes_of),
            ("service's CPU to come (READY; upgrade)", "plain", "cpu_us",
             micro)):
        idle = results["idle"].get(kind, {})
        out += row(says, *(middle(idle.get(name), field, form)
                           for name in names))
    return out


def write(results, verdicts):
    about = results["machine"]
    with open(PATH, "w") as f:
        f.write(f"{about['when']}, {about['processor']}, {about['cores']} "
                f"cores, {about['file_system']}, load before the run "
                f"{about['load_before']:.1f}\n\n")
        f.write(verdicts_table(verdicts))
        for shape, says in (("many", "64 pairs, 8 in flight each"),
                            ("few", "64 pairs, one in flight each"),
                            ("one", "one pair, one message at a time")):
            f.write(f"\n{says}:\n\n{messages_table(results, shape)}")
        f.write("\n" + connections_table(results))
        for name, rounds in results["catch_up"].items():
            f.write(f"\ncatch-up, {name}: "
                    f"{middle(rounds, 'delivered_per_s', thousand)} messages "
                    "a second\n")
        if results["growth"]:
            f.write(f"\n{results['growth']['text']}\n")
