"""Answer the ticket on standard input: `echo "Where is my order LN-2041?" | python -m app`."""

import json
import sys

from app.clients import make_client
from app.desk import DeskError, handle

try:
    ticket = {"id": "stdin", "customer": "walk-in", "text": sys.stdin.read().strip()}
    print(json.dumps(handle(make_client(), ticket), ensure_ascii=False, indent=2))
except DeskError as e:
    sys.exit(f"{e} ({'retry' if e.retry else 'give up'})")
