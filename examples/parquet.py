"""Ask an API for page after page, and write each page into a Parquet file of its own.

Each page is an iteration, and its file is there whole or not at all: whatever is killed and
resumed, no row is lost and none is there twice.
"""

import json
import os
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import requests

from daskloop import Flow, Parameter, again, task, unmapped

ROWS, PAGE = {"ann": 2500, "bob": 900, "eve": 1700}, 500


class Api(BaseHTTPRequestHandler):
    """Answers ``GET /account/offset`` with a page, and says where the next one begins."""

    def do_GET(self):
        _, account, offset = self.path.split("/")
        numbers = range(int(offset), min(int(offset) + PAGE, ROWS[account]))
        rows = [{"account": account, "n": n, "value": n * n % 97} for n in numbers]
        more = numbers.stop if numbers.stop < ROWS[account] else None
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"rows": rows, "next": more}).encode())

    def log_message(self, *_):
        """Say nothing."""


@task(max_retries=3, retry_delay="1s", max_loops=10_000)
def fetch(account, url, folder, offset=0, rows=0):
    page = requests.get(f"{url}/{account}/{offset}", timeout=10).json()
    path = Path(folder, f"{account}-{offset:08d}.parquet")
    pd.DataFrame(page["rows"]).to_parquet(path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)
    rows += len(page["rows"])
    if page["next"] is None:
        return rows
    return again(offset=page["next"], rows=rows, message=f"{rows} rows of {account}")


with Flow("parquet") as flow:
    rows = fetch.map(Parameter("accounts"), unmapped(Parameter("url")), unmapped(Parameter("to")))


def main():
    api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        state = flow.run(accounts=list(ROWS), url=f"http://127.0.0.1:{api.server_port}", to=folder)
        print(f"written: {dict(zip(ROWS, state.result[rows].result, strict=True))}")
        table = pd.read_parquet(folder)
        print(f"{len(list(Path(folder).iterdir()))} files, {len(table)} rows read back")
        once = not table.duplicated().any()
        print(f"sum of values {table['value'].sum()}, each row once: {once}")
    api.shutdown()
    api.server_close()
    return state


if __name__ == "__main__":
    main()
