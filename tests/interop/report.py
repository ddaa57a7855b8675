"""Checks that say what they checked: one JSON line each, and a summary at the end."""

import json
import sys


class Report:
    def __init__(self):
        self.checks = 0
        self.failed = 0

    def check(self, name, holds, seen=None):
        self.checks += 1
        line = {"check": name, "ok": bool(holds)}
        if not holds:
            self.failed += 1
            line["seen"] = repr(seen)
        print(json.dumps(line), flush=True)

    def equal(self, name, seen, expected):
        self.check(name, seen == expected and type(seen) is type(expected), (seen, expected))

    def none(self, name, mistakes):
        """Holds if a list of mistakes is empty."""
        self.check(name, not mistakes, mistakes)

    def end(self):
        print(json.dumps({"checks": self.checks, "failed": self.failed}), flush=True)
        sys.exit(1 if self.failed else 0)
