"""What `import daskloop` costs."""

import subprocess
import sys


def test_importing_the_package_imports_no_part_of_dask():
    code = (
        "import sys, daskloop\n"
        "from daskloop import Flow, Parameter, task\n"
        "marked = task(lambda x: x, max_retries=1, retry_delay=2)\n"
        "with Flow('f') as flow: marked.map(Parameter('p'))\n"
        "heavy = {'dask', 'distributed', 'tornado', 'numpy', 'pandas', 'requests'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
