"""What is wanted, as ratios within one run."""

from statistics import median


class Ratio:
    """One line of the verdict.  `rounds` are the ratios of single rounds; the
    value is their median, so that a drift of the machine hits both sides."""

    def __init__(self, name, says, target, least, rounds, why="", note=""):
        self.name = name
        self.says = says  # in plain words
        self.target = target
        self.least = least  # at least, or at most
        self.rounds = rounds
        self.why = why  # there is no value
        self.note = note

    @property
    def value(self):
        return median(self.rounds) if self.rounds else None

    @property
    def ok(self):
        if self.value is None:
            return None
        return (self.value >= self.target if self.least
                else self.value <= self.target)

    def line(self):
        if self.value is None:
            return f"ratio {self.name} none target {self.target:g} " \
                f"missing: {self.why}"
        return f"ratio {self.name} {self.value:.3g} target {self.target:g} " \
            f"{'ok' if self.ok else 'short'}" \
            f"{' (' + self.note + ')' if self.note else ''}"

    def to_json(self):
        return {"name": self.name, "says": self.says, "value": self.value,
                "target": self.target, "at": "least" if self.least else "most",
                "ok": self.ok, "rounds": self.rounds, "why": self.why,
                "note": self.note}


def divided(ours, theirs, field, their_field=None):
    """Ratios of rounds that both have."""
    return [a[field] / b[their_field or field]
            for a, b in zip(ours, theirs)
            if a and b and b[their_field or field]]


# name, in words, target, at least?, shape, ours, theirs, field, their field
LOADS = [
    ("durable-vs-nchan-1-worker",
     "messages a second, durable, against nchan in memory: one worker each",
     2, True, "many", "sealchat-1", "nchan-1", "delivered_per_s", None),
    ("durable-vs-nchan-2-workers",
     "the same with two workers each",
     1.3, True, "many", "sealchat-2", "nchan-2", "delivered_per_s", None),
    ("durable-vs-mosquitto",
     "the same against mosquitto at QoS 1, in memory",
     2, True, "many", "sealchat-1", "mosquitto", "delivered_per_s", None),
    ("durable-vs-nats",
     "the same against NATS JetStream in files",
     3.5, True, "many", "sealchat-1", "nats", "delivered_per_s", None),
    ("durable-vs-redis-512-in-flight",
     "stored and delivered, against Redis that only appends: 512 in flight",
     1.0, True, "many", "sealchat-1", "redis", "delivered_per_s",
     "stored_per_s"),
    ("durable-vs-redis-64-in-flight",
     "the same with 64 in flight",
     1.3, True, "few", "sealchat-1", "redis", "delivered_per_s",
     "stored_per_s"),
    ("delivery-p99-vs-nchan-1-worker",
     "99th percentile of delivery at saturation, against nchan's: one worker",
     0.2, False, "many", "sealchat-1", "nchan-1", "delivered_p99_us", None),
    ("delivery-p99-vs-nchan-2-workers",
     "the same with two workers",
     0.2, False, "many", "sealchat-2", "nchan-2", "delivered_p99_us", None),
    ("stored-p50-vs-nchan-ping-pong",
     "one message at a time: median time to STORED, synced, against nchan's "
     "ping-pong, unsynced",
     5, False, "one", "sealchat-1", "nchan-1", "stored_p50_us",
     "delivered_p50_us"),
    ("cpu-per-message-vs-nchan-1-worker",
     "the service's processor time a delivered message, against nchan's: one "
     "worker",
     0.7, False, "many", "sealchat-1", "nchan-1", "server_cpu_us", None),
    ("cpu-per-message-vs-nchan-2-workers",
     "the same with two workers",
     0.7, False, "many", "sealchat-2", "nchan-2", "server_cpu_us", None),
]


def ratios(results):
    """All targets, in the order of the table in docs/performance.md."""
    found = []
    missing = results["missing"]

    def why(*names):
        for name in names:
            for known, reason in missing.items():
                if known.split("-")[0] == name.split("-")[0]:
                    return reason
        return "this run did not measure it"

    for name, says, target, least, shape, a, b, mine, theirs in LOADS:
        rounds = results["load"].get(shape, {})
        found.append(Ratio(name, says, target, least,
                           divided(rounds.get(a, []), rounds.get(b, []), mine,
                                   theirs), why(b)))

    for kind, says in (("plain", "plain"), ("tls", "over TLS")):
        idle = results["idle"].get(kind, {})
        for peer, name, pools in (
                ("nchan-1", "", ""),
                ("nchan-1+pools", "-with-the-same-pools",
                 ", to which nginx gives the same pools")):
            found.append(Ratio(
                f"idle-memory-{kind}-vs-nchan{name}",
                "memory of an idle WebSocket, nginx and sealchatd together, "
                f"against nchan's{pools}: {says}",
                0.55, False, divided(idle.get("sealchat-1", []),
                                     idle.get(peer, []), "bytes"),
                why("nchan")))

    plain = results["idle"].get("plain", {})
    found.append(Ratio(
        "ready-cpu-vs-nchan-upgrade",
        "processor time for a visitor who comes back, up to READY, against "
        "nchan's bare upgrade",
        2.5, False, divided(plain.get("sealchat-1", []),
                            plain.get("nchan-1", []), "cpu_us"),
        why("nchan")))

    grown = results["growth"]
    stored = f"{grown['messages'] / 1e6:g} million" if grown else "10 million"
    found.append(Ratio(
        "throughput-10-million-stored-vs-empty",
        f"messages accepted a second with {stored} stored, against an empty "
        "store",
        0.9, True, [grown["ratio"]] if grown else [],
        "this run did not measure it",
        "" if not grown or grown["messages"] >= 10_000_000
        else f"with {stored} messages only"))

    away = results["catch_up"]
    found.append(Ratio(
        "catch-up-vs-link-echo",
        "a device that was away: messages read from the store and delivered a "
        "second, against link-echo, which reads none",
        0.8, True, divided(away.get("sealchat-1", []),
                           away.get("link-echo", []), "delivered_per_s"),
        "this run did not measure it"))
    return found
