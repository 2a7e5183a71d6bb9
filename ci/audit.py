"""Ask pip-audit whether what is installed has known weaknesses; say so where nobody can be asked.

Fails if there are some. Where the index has no advisories (a mirror, no network) nothing is
audited: that is said, and does not fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

PATIENCE = 180
"""Seconds for all answers."""


def verdict(report: dict[str, Any]) -> tuple[bool, str]:
    """Judge a report of pip-audit in JSON: whether it is well, and what to say."""
    packages = report["dependencies"]
    asked = [one for one in packages if "skip_reason" not in one]
    weak = [(one, found) for one in asked for found in one["vulns"]]
    lines = [
        f"{one['name']} {one['version']}: {found['id']}, mended in "
        f"{', '.join(found['fix_versions']) or 'no version yet'}"
        for one, found in weak
    ]
    if not asked:
        lines += [f"NOT AUDITED: of {len(packages)} packages none is known to the index asked"]
    elif len(asked) < len(packages):
        lines += [f"{len(asked)} of {len(packages)} packages audited, the others are not known"]
    else:
        lines += [f"{len(asked)} packages audited"]
    return not weak, "\n".join(lines)


def main() -> int:
    """Run pip-audit on this environment."""
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--format=json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        print(f"NOT AUDITED: no answer within {PATIENCE} s")
        return 0
    try:
        well, text = verdict(json.loads(done.stdout))
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        print(f"NOT AUDITED: pip-audit could not be run: {last}")
        return 0
    print(text)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
