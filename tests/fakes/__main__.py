"""Run a fake vendor for a person: `python -m tests.fakes zhipu`, or around one command.

Prints the variables that point a program at it. With a command after `--`, runs it with these set and ends with it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading

from tests.fakes.server import NATIVE, VENDORS, fake


def main() -> int:
    """Serve until interrupted, or until the command ends."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fakes",
        description="A strict loopback server that answers as a vendor does, with canned words.",
        epilog="Example: python -m tests.fakes openai -- python -m unittest discover app",
    )
    parser.add_argument("vendor", choices=(*VENDORS, *NATIVE))
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="run this against it")
    args = parser.parse_args()
    command = [word for i, word in enumerate(args.command) if i or word != "--"]

    with fake(args.vendor, port=args.port) as server:
        if command:
            return subprocess.run(command, env={**os.environ, **server.env}, check=False).returncode
        print("\n".join(f"export {name}={value}" for name, value in server.env.items()), flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
