"""SealChat beside its peers on this machine: `make bench`.

    python3 bench/compare [quick | smoke] [--rounds N] [--seconds N]
                          [--growth MESSAGES] [--only PEER,...]

Starts all systems on loopback, measures them in rounds that alternate, and
writes build/bench/results.json, report.html and results.md.  Prints one line
`ratio <name> <value> target <value> ok|short` for each target; ends with 1 if
a round failed, never because of a figure.
"""

import argparse
import atexit
import json
import os
import shutil
import signal
import sys
import tempfile

import report
import systems
import tables
from rounds import Run, machine, say
from targets import ratios

# Rounds of messages; crowds, rounds of idle connections; connections of each;
# catch_ups, rounds of devices that were away, with so many messages each.
PLANS = {
    "full": {
        "rounds": 7, "ms": {"many": 2000, "few": 1500, "one": 800},
        "pairs": 64, "warm": True,
        "crowds": 3, "connections": 3000, "catch_ups": 7, "away": 15000,
        "growth": (10_000_000, 100_000, 1000),
    },
    "quick": {
        "rounds": 3, "ms": {"many": 1000, "few": 700, "one": 400},
        "pairs": 64, "warm": True,
        "crowds": 1, "connections": 1500, "catch_ups": 3, "away": 8000,
        "growth": None,
    },
    "smoke": {
        "rounds": 1, "ms": {"many": 150, "few": 100, "one": 60},
        "pairs": 8, "warm": False,
        "crowds": 1, "connections": 100, "catch_ups": 1, "away": 500,
        "growth": None,
    },
}


def read_arguments():
    parser = argparse.ArgumentParser(description="SealChat beside its peers")
    parser.add_argument("mode", nargs="?", default="full", choices=PLANS)
    parser.add_argument("--rounds", type=int, help="of messages")
    parser.add_argument("--seconds", type=float, help="of a round, saturated")
    parser.add_argument("--growth", type=int, metavar="MESSAGES",
                        help="stored beside none; 0: leave that out")
    parser.add_argument("--only", metavar="PEER,...",
                        help="these peers: nchan, echo, mosquitto, nats, redis")
    given = parser.parse_args()

    plan = PLANS[given.mode]
    if given.rounds:
        plan["rounds"] = given.rounds
    if given.seconds:
        scale = given.seconds * 1000 / plan["ms"]["many"]
        plan["ms"] = {k: int(ms * scale) for k, ms in plan["ms"].items()}
    if given.growth is not None:
        sessions = min(100_000, max(10_000, given.growth // 100))
        plan["growth"] = (given.growth, sessions, max(100, sessions // 100)) \
            if given.growth else None
    return given, plan


def make_folder():
    os.makedirs(f"{systems.BUILD}/bench", exist_ok=True)
    folder = tempfile.mkdtemp(prefix="compare-", dir=systems.BUILD)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # The path of a socket has to stay below 108 bytes.
    if len(folder) > 70:
        sys.exit("bench: the path of build/ is too long for a socket")
    return folder


def measure(given, plan):
    about = machine()
    if about["file_system"] in ("tmpfs", "ramfs") and given.mode != "smoke":
        sys.exit("bench: build/ is in memory; nothing would reach a disk")

    run = Run(plan, make_folder(), given.only and given.only.split(","))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        run.controls()
        run.start()
        run.warm_up()
        run.messages()
        run.crowds()
        run.catch_up()
        run.syncs()
    finally:
        run.stop()
    if plan["growth"]:
        run.growth()

    results = run.results
    about["load_after"] = os.getloadavg()[0]
    results["machine"] = about
    results["mode"] = given.mode
    results["plan"] = plan
    results["systems"] = {
        name: {"title": s.title, "says": s.says, "colour": s.colour,
               "version": s.version()} for name, s in run.systems.items()}
    return results


def figures(results):
    """What smoke looks at: each measurement, and whether it gave a figure."""
    for shape, found in results["load"].items():
        for name, rounds in found.items():
            yield (f"messages, {shape}, {name}", rounds,
                   lambda r: r["messages"] > 0 and r["server_cpu_us"] > 0)
    for kind, found in results["idle"].items():
        for name, rounds in found.items():
            yield (f"idle, {kind}, {name}", rounds,
                   lambda r: r["connections"] > 0 and r["cpu_us"] > 0)
    for name, rounds in results["catch_up"].items():
        yield (f"catch-up, {name}", rounds,
               lambda r: r["delivered_per_s"] > 0)
    for name, found in results["syncs"].items():
        yield f"syncs, {name}", [found], lambda r: r["messages"] > 0
    for fault, seen in results["controls"].items():
        yield f"control, {fault}: the round fails", [seen], bool


def smoke(results, verdicts):
    """Like another part of `make test`: no figure decides."""
    passed = failed = 0
    for what, rounds, good in figures(results):
        fine = bool(rounds) and all(r is not None and good(r) for r in rounds)
        say(f"{'ok' if fine else 'not ok'} - {what}")
        passed += fine
        failed += not fine
    measured = [v for v in verdicts if v.value is not None]
    fine = len(measured) > 0 and os.path.getsize(report.PATH) > 10_000
    say(f"{'ok' if fine else 'not ok'} - {len(measured)} ratios and a report")
    passed += fine
    failed += not fine
    failed += len(results["failed"]) > 0 and failed == 0
    say(f"{passed} passed, {failed} failed")
    return failed


def main():
    given, plan = read_arguments()
    results = measure(given, plan)
    verdicts = ratios(results)
    results["ratios"] = [v.to_json() for v in verdicts]

    with open(f"{systems.BUILD}/bench/results.json", "w") as f:
        json.dump(results, f, indent=1)
    report.write(results, verdicts)
    tables.write(results, verdicts)

    for name, found in results["syncs"].items():
        say(f"syncs a message, {name}: {found['per_message']:.4f}")
    for verdict in verdicts:
        say(verdict.line())
    say("build/bench/report.html, build/bench/results.json, "
        "build/bench/results.md")

    if given.mode == "smoke":
        return 1 if smoke(results, verdicts) else 0
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
