"""Compares outcomes with the expectations and prints the summary.

An outcome is a line `pass NAME` or `fail NAME: what happened`.
"""

import sys


def main(expectations: str, outcomes: str) -> int:
    with open(expectations, encoding="utf-8") as lines:
        known = {line.split("#")[0].strip() for line in lines} - {""}
    passed, failed, seen = [], [], set()
    with open(outcomes, encoding="utf-8") as lines:
        for line in lines:
            verdict, _, rest = line.rstrip("\n").partition(" ")
            name = rest.split(": ", 1)[0]
            seen.add(name)
            (passed if verdict == "pass" else failed).append((name, rest))
    wrong = 0
    for name, _ in passed:
        if name in known:
            wrong += 1
            print(f"passes now, so take it out of the expectations: {name}")
    for name, rest in failed:
        if name in known:
            print(f"known to fail: {rest}")
        else:
            wrong += 1
            print(f"FAILED {rest}")
    for name in sorted(known - seen):
        wrong += 1
        print(f"expected to fail but never ran: {name}")
    if not seen:
        wrong += 1
        print("nothing ran")
    print(f"{len(passed)} passed, {len(failed)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
